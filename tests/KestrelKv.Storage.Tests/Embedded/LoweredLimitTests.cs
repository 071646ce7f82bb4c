using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A store that is loaded with more data than its memory limit allows.</summary>
public sealed class LoweredLimitTests
{
    private const int Keys = 50_000;

    [Theory]
    [InlineData(EvictionPolicy.Lru)]
    [InlineData(EvictionPolicy.None)]
    public void Sweep_StoreAboveLimit_EvictsIfEnabled(EvictionPolicy eviction)
    {
        var time = new TestTime();
        var options = new EmbeddedStoreOptions { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = eviction };
        var entries = new Keyspace(time, options);
        for (int i = 1; i <= Keys; i++) Load(entries, i);
        using var store = new EmbeddedStore(entries, new InMemoryCommitLog(new ChangeFeed(options.FeedMemoryBytes)), options, time);
        Assert.InRange(store.GetStats().MemoryBytes, 3 * options.MemoryBytesMax, long.MaxValue);

        for (int i = 0; i < 20; i++) time.Advance(TimeSpan.FromMilliseconds(100));

        StoreStats stats = store.GetStats();
        if (eviction == EvictionPolicy.None) Assert.Equal((Keys, 0), (stats.Keys, stats.Evictions));
        else Assert.InRange(stats.MemoryBytes, 1, options.MemoryBytesMax);
        Assert.Equal(Keys, stats.Keys + stats.Evictions);
    }

    private static void Load(Keyspace entries, int i)
    {
        var record = new Storage.Commits.Record
        {
            Kind = Storage.Commits.RecordKind.Put, Key = Encoding.ASCII.GetBytes($"key {i}"), Value = new byte[100], Version = i,
        };
        byte[] bytes = new byte[record.Bytes];
        record.Write(bytes);
        entries.Load(bytes, parts: 1, part: 0);
    }
}
