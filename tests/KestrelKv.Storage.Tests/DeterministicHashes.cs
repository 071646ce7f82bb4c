using System.Runtime.CompilerServices;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

internal static class DeterministicHashes
{
    /// <summary>Makes the shard, stripe and slot of each key reproducible from the seed.</summary>
    [ModuleInitializer]
    internal static void SeedThem()
    {
        var random = new Random(Seeds.Seed);
        HashSecrets.Source = () => (ulong)random.NextInt64();
    }
}
