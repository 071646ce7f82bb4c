using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A limit that refuses what there is no memory for.</summary>
public sealed partial class MemoryLimitTests
{
    [Fact]
    public void Execute_MemoryFull_RefusesWhatGrowsAndDoesTheRest()
    {
        Open(EvictionPolicy.None);
        int keys = Fill();
        StoreStats full = Stats;
        Assert.Equal((keys, keys, 0), (full.Keys, full.Version, full.Evictions));
        Assert.Equal(Limit, full.MemoryBytesMax);
        Assert.InRange(full.MemoryBytes, Limit - 1000, Limit + Slack);

        AssertFull(Put("new", 100));
        AssertFull(Put(Name(1), 2_000));
        Assert.Equal(full, Stats);
        Assert.Equal(new string('v', 100), Execute(Get(Name(1))).Value);

        Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(1), 99)));
        Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(1), 10)));
        Assert.Equal(ResultStatus.PreconditionFailed, StatusOf(Put("new", 100) with { Precondition = Precondition.Present }));
        Assert.Equal(ResultStatus.NotFound, StatusOf(Expire("new", 1)));
        Assert.Equal(ResultStatus.Done, StatusOf(Delete(Name(2))));
        Assert.Equal(keys + 3, Stats.Version);

        // An expiry takes room, too. Some there still is.
        for (int i = 10; i < 50; i++) Execute(Expire(Name(i), Now + 1_000));
        AssertFull(Expire(Name(50), Now + 1_000));
    }

    [Fact]
    public void Execute_RoomIsMadeByDeletes_WritesGoOn()
    {
        Open(EvictionPolicy.None);
        int keys = Fill();
        for (int i = 0; i < keys; i++) Execute(Delete(Name(i)));
        Assert.InRange(Fill(), keys * 95 / 100, keys * 105 / 100);
    }

    [Fact]
    public void Commit_MemoryFull_DoesNothingAndTellsTheLargest()
    {
        Open(EvictionPolicy.None);
        Fill();
        StoreStats before = Stats;

        Recorded refused = Refused(Put(Name(1), 100), Delete(Name(2)), Put("a", 5_000), Put(Name(4), 200));
        Assert.Equal(new(2, ResultStatus.MemoryFull), refused);
        Assert.Equal(before, Stats);

        // What the batch itself makes free counts, and so does that it writes the same key again.
        Commit(Delete(Name(2)), Delete(Name(3)), Put("b", 100), Put("c", 5_000), Put("c", 1));
    }

    [Fact]
    public void Commit_AnExpiredEntryAmongThoseItWrites_CountsItsBlock()
    {
        Open(EvictionPolicy.None);
        Execute(Put("a", 100_000, Now + 10));
        Fill();

        // The batch takes the entry away from itself; its block is there all the same until it is written again.
        Commit(Expire("a", Now), Put("a", 100_000, Now + 10));
        _time.Advance(TimeSpan.FromMilliseconds(50));
        Commit(Put("a", 100_000));
    }
}
