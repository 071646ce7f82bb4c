namespace KestrelKv.Storage.Tests;

/// <summary>Tests that measure the memory of the process, or need much of it. They do not run in parallel with others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessMemoryTests
{
    public const string Name = "Memory of the process";
}
