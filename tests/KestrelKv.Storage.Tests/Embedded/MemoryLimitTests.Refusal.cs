using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A memory limit without eviction: writes that exceed it are refused.</summary>
public sealed partial class MemoryLimitTests
{
    [Fact]
    public void Execute_MemoryFull_RefusesOnlyGrowingWrites()
    {
        Open(EvictionPolicy.None);
        int keys = Fill();
        StoreStats full = Stats;
        Assert.Equal((keys, keys, 0), (full.Keys, full.Version, full.Evictions));
        Assert.Equal(Limit, full.MemoryBytesMax);
        Assert.InRange(full.MemoryBytes, Limit - 1000, Limit + Slack);

        AssertFull(Put("new", 100));
        AssertFull(Put(Name(1), 2_000));
        Assert.Equal(full with { Refusals = 3 }, Stats);
        Assert.Equal(new string('v', 100), Execute(Get(Name(1))).Value);

        Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(1), 99)));
        Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(1), 10)));
        Assert.Equal(ResultStatus.PreconditionFailed, StatusOf(Put("new", 100) with { Precondition = Precondition.Present }));
        Assert.Equal(ResultStatus.NotFound, StatusOf(Expire("new", 1)));
        Assert.Equal(ResultStatus.Done, StatusOf(Delete(Name(2))));
        Assert.Equal(keys + 3, Stats.Version);

        // An expiry also takes memory. A little is still available.
        for (int i = 10; i < 50; i++) Execute(Expire(Name(i), Now + 1_000));
        AssertFull(Expire(Name(50), Now + 1_000));
    }

    [Fact]
    public void Execute_AfterDeletes_WritesResume()
    {
        Open(EvictionPolicy.None);
        int keys = Fill();
        for (int i = 0; i < keys; i++) Execute(Delete(Name(i)));
        Assert.InRange(Fill(), keys * 95 / 100, keys * 105 / 100);
    }

    [Fact]
    public void Commit_MemoryFull_ChangesNothingAndReportsLargestWrite()
    {
        Open(EvictionPolicy.None);
        Fill();
        StoreStats before = Stats;

        Recorded refused = Refused(Put(Name(1), 100), Delete(Name(2)), Put("a", 5_000), Put(Name(4), 200));
        Assert.Equal(new(2, ResultStatus.MemoryFull), refused);
        Assert.Equal(before with { Refusals = 2 }, Stats);

        // Memory that the batch itself frees counts, and so do repeated writes of one key.
        Commit(Delete(Name(2)), Delete(Name(3)), Put("b", 100), Put("c", 5_000), Put("c", 1));
    }

    [Fact]
    public void Commit_ExpiredEntryInBatch_CountsItsBlock()
    {
        Open(EvictionPolicy.None);
        Execute(Put("a", 100_000, Now + 10));
        Fill();

        // The index may have grown beyond the limit at the end. A few small entries are room for that, and not for a second block.
        for (int i = 0; i < 50; i++) Execute(Delete(Name(i)));

        // The batch expires its own entry. The block stays allocated until the entry is written again.
        Commit(Expire("a", Now), Put("a", 100_000, Now + 10));
        _time.Advance(TimeSpan.FromMilliseconds(50));
        Commit(Put("a", 100_000));
    }

    /// <summary>A batch that deletes a large entry must not add more than the limit allows.</summary>
    [Theory]
    [InlineData(EvictionPolicy.None)]
    [InlineData(EvictionPolicy.Lru)]
    public void Commit_ManySmallKeysForLargeOne_ObservesLimit(EvictionPolicy policy)
    {
        Open(policy);
        const int Large = 100_000;
        for (int i = 0; i < Limit / Large; i++) Execute(Put(Name(i), Large));
        for (int i = 0; i < Limit / Large; i++)
        {
            Operation[] batch = [Delete(Name(i)), .. Enumerable.Range(0, 4_000).Select(n => Put($"{i}/{n}", 0))];
            _store.CommitAsync(batch, new RecordingSink()).Completed();
        }
        Assert.InRange(Stats.MemoryBytes, 1, Limit + Slack);
    }

    [Fact]
    public void Commit_LongKeys_CountsBothCopies()
    {
        Open(EvictionPolicy.None);
        Operation[] batch = [.. Enumerable.Range(0, 60).Select(i => Put(Name(i) + new string('k', 60_000), 0))];
        Assert.Equal(ResultStatus.MemoryFull, Refused(batch).Status);
        Commit(batch[..30]);
        Assert.InRange(Stats.MemoryBytes, 2 * 30 * 60_000, Limit);
    }

    [Fact]
    public void Execute_ExpiriesReplaceValueBytes_ObservesLimit()
    {
        Open(EvictionPolicy.None);
        int keys = 0;
        while (StatusOf(Put(Name(keys), 24)) == ResultStatus.Done) keys++;
        for (int i = 0; i < keys; i++) Execute(Put(Name(i), 8, Now + 60_000));
        Assert.InRange(Stats.MemoryBytes, 1, Limit + Slack);
    }

    [Fact]
    public void Execute_FullOfExpiredEntries_RemovesThem()
    {
        Open(EvictionPolicy.None, new NoTimers(_time));
        for (int i = 0; StatusOf(Put(Name(i), 100, Now + 1)) == ResultStatus.Done; i++) { }
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ResultStatus.Done, StatusOf(Put("new", 50_000)));
        Commit(Put("another", 50_000));
    }
}
