namespace KestrelKv.Storage.Tests;

/// <summary>Tests that measure what the process needs, or need much of it, run by themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MemoryOfTheProcess
{
    public const string Name = "Memory of the process";
}
