using System.Runtime.CompilerServices;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

internal static class RepeatableHashes
{
    /// <summary>Which shard, segment and slot a key gets is part of what a seed repeats.</summary>
    [ModuleInitializer]
    internal static void SeedThem()
    {
        var random = new Random(Seeds.Seed);
        HashSecrets.Source = () => (ulong)random.NextInt64();
    }
}
