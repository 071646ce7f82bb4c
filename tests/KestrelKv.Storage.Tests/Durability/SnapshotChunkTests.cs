using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The division of entries into the records of a snapshot.</summary>
public sealed class SnapshotChunkTests
{
    [Fact]
    public async Task CopyEntries_LargeEntries_LimitsTheLengthOfChunks()
    {
        var options = new EmbeddedStoreOptions();
        var entries = new Keyspace(TimeProvider.System, options);
        using var store = new EmbeddedStore(
            entries, new InMemoryCommitLog(new ChangeFeed(options.FeedMemoryBytes)), options, TimeProvider.System);
        for (byte i = 0; i < 200; i++)
            await store.ExecuteAsync(new[] { Operation.Put(new[] { i }, new byte[50_000]) }, new CountingSink());

        List<int> chunks = [];
        long count = entries.CopyEntries(100_000, chunk => chunks.Add(chunk.Length));

        Assert.Equal(200, count);
        Assert.All(chunks, bytes => Assert.InRange(bytes, 50_000, 100_000 + 51_000));
        Assert.True(chunks.Sum() > 200 * 50_000);
    }
}
