using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A memory limit with LRU eviction.</summary>
public sealed partial class MemoryLimitTests
{
    [Fact]
    public void Execute_Lru_AssignsVersionToEachEviction()
    {
        Open(EvictionPolicy.Lru);
        const int Puts = 100_000;
        for (int i = 0; i < Puts; i++) Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(i), 100)));

        StoreStats stats = Stats;
        Assert.True(stats.Evicts);
        Assert.InRange(stats.Evictions, Puts / 2, Puts - 1);
        Assert.Equal((Puts - stats.Evictions, Puts + stats.Evictions), (stats.Keys, stats.Version));
        Assert.InRange(stats.MemoryBytes, Limit - Slack, Limit + Slack);
    }

    [Fact]
    public void Commit_Lru_FreesMemoryForWholeBatch()
    {
        Open(EvictionPolicy.Lru);
        for (int i = 0; i < 10_000; i++)
        {
            List<Recorded> results = Commit(Put(Name(3 * i), 100), Put(Name(3 * i + 1), 300), Put(Name(3 * i + 2), 50));
            Assert.Single(results.Select(result => result.Version).Distinct());
        }
        Assert.Equal((30_000 - Stats.Evictions, 10_000 + Stats.Evictions), (Stats.Keys, Stats.Version));
        Assert.InRange(Stats.MemoryBytes, Limit - Slack, Limit + Slack);
    }

    [Fact]
    public void Put_ManyIdempotencyRecords_EvictsOtherEntries()
    {
        Open(EvictionPolicy.Lru);
        for (int i = 0; i < 1_000; i++) StatusOf(Put(Name(i), 100));
        int requests = 0;
        for (; Stats.Evictions == 0; requests++)
            Assert.True(_store.CommitAsync(new[] { Delete("absent") }, new RecordingSink(), new(Key(Name(requests)))).Completed());

        Assert.InRange(requests, 20_000, int.MaxValue);
        for (int i = 1_000; i < 2_000; i++) Assert.Equal(ResultStatus.Done, StatusOf(Put(Name(i), 100)));
        Assert.Equal(requests, Stats.RequestIds);
    }

    [Fact]
    public void Write_LargerThanLimit_IsRefusedAndEvictsNothing()
    {
        Open(EvictionPolicy.Lru);
        int keys = Fill();
        long evictions = Stats.Evictions;
        AssertFull(Put("large", (int)Limit));
        Assert.Equal(new(0, ResultStatus.MemoryFull), Refused(Put("large", (int)Limit)));
        Assert.Equal((evictions, keys), (Stats.Evictions, Stats.Keys + evictions));

        // A value of nearly the limit's size evicts almost all others.
        Assert.Equal(ResultStatus.Done, StatusOf(Put("large", (int)Limit - 200_000)));
        Assert.InRange(Stats.Keys, 1, keys / 10);
    }

    [Fact]
    public void Eviction_RecentlyUsedEntries_Remain()
    {
        Open(EvictionPolicy.Lru);
        int keys = Fill();
        string[] read = [.. Enumerable.Range(0, keys).Where(i => i % 10 == 0).Select(Name)];
        for (int i = 0; i < 20 * keys; i++)
        {
            if (i % 100 == 0) _time.Advance(TimeSpan.FromMilliseconds(4));
            Execute(Get(read[i % read.Length]));
            if (i % 4 == 0) Execute(Put(Name(keys + i), 100));
            // A listing does not count as a use.
            if (i % 10_000 == 0) _store.ListAsync(new ListQuery { Limit = 100_000 }, new RecordingEntrySink()).Completed();
        }

        int stayed = read.Count(name => StatusOf(Get(name)) == ResultStatus.Done);
        Assert.InRange(stayed, read.Length * 97 / 100, read.Length);
    }

    /// <summary>Shards have few entries each, and some by chance almost none.</summary>
    [Fact]
    public void Eviction_FewEntries_KeepsConstantlyUsedEntry()
    {
        Open(EvictionPolicy.Lru);
        for (int i = 0; i < 5_000; i++)
        {
            Execute(Put(Name(i), 50_000));
            _time.Advance(TimeSpan.FromMilliseconds(4));
            Assert.Equal(ResultStatus.Done, StatusOf(Get(Name(0))));
        }
        Assert.InRange(Stats.Keys, 60, 90);
    }

    /// <summary>A read-through cache: missing keys are put. The hit rate is compared with that of an exact LRU.</summary>
    [Fact]
    public void Eviction_SkewedReads_HitRateIsCloseToExactLru() => Seeds.Run(random =>
    {
        Open(EvictionPolicy.Lru);
        const int Keys = 100_000;
        const int Reads = 5 * Keys;
        var exact = new LinkedList<int>();
        var places = new Dictionary<int, LinkedListNode<int>>();
        int hits = 0, exactHits = 0;
        for (int i = 0; i < Reads; i++)
        {
            if (i % 50 == 0) _time.Advance(TimeSpan.FromMilliseconds(4));
            int key = (int)(Keys * Math.Pow(random.NextDouble(), 3));
            bool hit = StatusOf(Get(Name(key))) == ResultStatus.Done;
            if (!hit) Execute(Put(Name(key), 100));

            bool exactHit = places.Remove(key, out LinkedListNode<int>? place);
            if (exactHit) exact.Remove(place!);
            places[key] = exact.AddLast(key);

            // Compare after the store is full. The exact LRU holds as many keys as the store.
            if (i < Reads / 5) continue;
            if (hit) hits++;
            if (exactHit) exactHits++;
            for (long surplus = i % 100 == 0 ? places.Count - Stats.Keys : 0; surplus > 0; surplus--)
            {
                places.Remove(exact.First!.Value);
                exact.RemoveFirst();
            }
        }
        Assert.InRange(hits / (double)exactHits, 0.98, 1.02);
    });

    [Fact]
    public void Eviction_ExpiredEntries_AreRemovedFirst()
    {
        Open(EvictionPolicy.Lru, new NoTimers(_time));
        const int Expiring = 10_000;
        for (int i = 0; i < Expiring; i++) Execute(Put($"expiring {i}", 100, Now + 1));
        Fill(maxKeys: 5_000);
        Assert.Equal(0, Stats.Evictions);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        for (int i = 0; Stats.Expirations < Expiring * 9 / 10; i++) Assert.Equal(ResultStatus.Done, StatusOf(Put($"after {i}", 100)));
        Assert.InRange(Stats.Evictions, 0, Expiring / 20);
    }

    [Fact]
    public void Execute_WithEvictions_AllocatesNothing()
    {
        Open(EvictionPolicy.Lru);
        Operation[] puts = [.. Enumerable.Range(0, 60_000).Select(i => Put(Name(i), 100))];
        var sink = new CountingSink();
        Allocated();

        // Added and removed keys cause splits, which copy separators that move up the tree.
        Assert.InRange(Enumerable.Range(0, 5).Min(_ => Allocated()) / (double)puts.Length, 0, 0.5);

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            _store.ExecuteAsync(puts, sink).Completed();
            _store.CommitAsync(puts.AsMemory(0, 1_000), sink).Completed();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    /// <summary>The write is refused even if it would fit after the eviction of its own key and all others.</summary>
    [Fact]
    public void Overwrite_LargerThanLimit_KeepsAllEntries()
    {
        Open(EvictionPolicy.Lru);
        Execute(Put("a", (int)Limit / 2));
        Execute(Put("b", (int)Limit / 4));
        AssertFull(Put("a", (int)Limit - 20_000));
        Assert.Equal(new(0, ResultStatus.MemoryFull), Refused(Put("a", (int)Limit - 20_000)));
        Assert.Equal((2, 0), (Stats.Keys, Stats.Evictions));
    }

    /// <summary>An entry that grows counts as used, regardless of its last use.</summary>
    [Fact]
    public void Overwrite_GrowingEntry_EvictsOthers()
    {
        for (int round = 0; round < 100; round++)
        {
            Open(EvictionPolicy.Lru);
            for (int i = 0; i < 10; i++)
            {
                Execute(Put(Name(i), 400_000));
                _time.Advance(TimeSpan.FromMilliseconds(4));
            }
            Operation grow = Put(Name(0), 1_200_000) with { Precondition = Precondition.Present };
            if (round % 2 == 0) Assert.Equal(ResultStatus.Done, StatusOf(grow));
            else Commit(grow);
            _store.Dispose();
        }
    }

    [Fact]
    public void UseTime_EarlierTimestamp_DoesNotGoBack()
    {
        var time = new SetTime();
        var clock = new StoreClock(time);
        foreach ((int milliseconds, uint expected) in new[] { (1_000, 250u), (500, 250u), (1_004, 251u) })
        {
            time.Timestamp = milliseconds * time.TimestampFrequency / 1_000;
            clock.RefreshUseTime();
            Assert.Equal(expected, clock.UseTime);
        }
    }

    private sealed class SetTime : TimeProvider
    {
        public long Timestamp { get; set; }

        public override long GetTimestamp() => Timestamp;
    }
}
