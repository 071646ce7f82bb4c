using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

public sealed class MemoryLimitTests : IDisposable
{
    private const long Limit = 4 * 1024 * 1024;

    /// <summary>By which one writer may pass the limit: its entry, the growth of one segment, of the ordered keys and of the expiries.</summary>
    private const long Slack = 128 * 1024;

    private readonly FakeTimeProvider _time = new();
    private EmbeddedStore _store = null!;

    private StoreStats Stats => _store.GetStats();

    public void Dispose() => _store?.Dispose();

    [Fact]
    public async Task Execute_MemoryFull_RefusesWhatGrowsAndDoesTheRest()
    {
        Open(EvictionPolicy.None);
        int keys = await FillAsync();
        StoreStats full = Stats;
        Assert.Equal((keys, keys, 0), (full.Keys, full.Version, full.Evictions));
        Assert.Equal(Limit, full.MemoryBytesMax);
        Assert.InRange(full.MemoryBytes, Limit - 1000, Limit + Slack);

        await AssertFullAsync(Put("new", 100));
        await AssertFullAsync(Put(Name(1), 2_000));
        Assert.Equal(full, Stats);
        Assert.Equal(new string('v', 100), (await ExecuteAsync(Operation.Get(Key(Name(1))))).Value);

        Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Put(Name(1), 99))).Status);
        Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Put(Name(1), 10))).Status);
        Assert.Equal(ResultStatus.PreconditionFailed, (await ExecuteAsync(Put("new", 100) with { Precondition = Precondition.Present })).Status);
        Assert.Equal(ResultStatus.NotFound, (await ExecuteAsync(Operation.Expire(Key("new"), 1))).Status);
        Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Operation.Delete(Key(Name(2))))).Status);
        Assert.Equal(keys + 3, Stats.Version);

        // An expiry takes room, too. Some there still is.
        for (int i = 10; i < 50; i++) await ExecuteAsync(Operation.Expire(Key(Name(i)), Now + 1_000));
        await AssertFullAsync(Operation.Expire(Key(Name(50)), Now + 1_000));
    }

    [Fact]
    public async Task Execute_RoomIsMadeByDeletes_WritesGoOn()
    {
        Open(EvictionPolicy.None);
        int keys = await FillAsync();
        for (int i = 0; i < keys; i++) await ExecuteAsync(Operation.Delete(Key(Name(i))));
        Assert.InRange(await FillAsync(), keys * 95 / 100, keys * 105 / 100);
    }

    [Fact]
    public async Task Commit_MemoryFull_DoesNothingAndTellsTheLargest()
    {
        Open(EvictionPolicy.None);
        await FillAsync();
        StoreStats before = Stats;

        Recorded refused = await RefusedAsync([Put(Name(1), 100), Operation.Delete(Key(Name(2))), Put("a", 5_000), Put(Name(4), 200)]);
        Assert.Equal(new(2, ResultStatus.MemoryFull), refused);
        Assert.Equal(before, Stats);

        // What the batch itself makes free counts, and so does that it writes the same key again.
        var sink = new RecordingSink();
        Assert.True(await _store.CommitAsync(new[] { Operation.Delete(Key(Name(2))), Operation.Delete(Key(Name(3))), Put("b", 100), Put("c", 5_000), Put("c", 1) }, sink));
    }

    [Fact]
    public async Task Commit_AnExpiredEntryAmongThoseItWrites_CountsItsBlock()
    {
        Open(EvictionPolicy.None);
        await ExecuteAsync(Put("a", 100_000, Now + 10));
        await FillAsync();

        // The batch takes the entry away from itself; its block is there all the same until it is written again.
        var sink = new RecordingSink();
        Assert.True(await _store.CommitAsync(new[] { Operation.Expire(Key("a"), Now), Put("a", 100_000, Now + 10) }, sink));
        _time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.True(await _store.CommitAsync(new[] { Put("a", 100_000) }, sink));
    }

    [Fact]
    public async Task Execute_ALimitThatEvicts_MakesRoomWithAVersionForEachEviction()
    {
        Open(EvictionPolicy.Lru);
        const int Puts = 100_000;
        for (int i = 0; i < Puts; i++) Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Put(Name(i), 100))).Status);

        StoreStats stats = Stats;
        Assert.InRange(stats.Evictions, Puts / 2, Puts - 1);
        Assert.Equal((Puts - stats.Evictions, Puts + stats.Evictions), (stats.Keys, stats.Version));
        Assert.InRange(stats.MemoryBytes, Limit - Slack, Limit + Slack);
    }

    [Fact]
    public async Task Commit_ALimitThatEvicts_MakesRoomForTheWholeBatch()
    {
        Open(EvictionPolicy.Lru);
        for (int i = 0; i < 10_000; i++)
        {
            var sink = new RecordingSink();
            Operation[] batch = [Put(Name(3 * i), 100), Put(Name(3 * i + 1), 300), Put(Name(3 * i + 2), 50)];
            Assert.True(await _store.CommitAsync(batch, sink));
            Assert.Single(sink.Results.Select(result => result.Version).Distinct());
        }
        Assert.Equal((30_000 - Stats.Evictions, 10_000 + Stats.Evictions), (Stats.Keys, Stats.Version));
        Assert.InRange(Stats.MemoryBytes, Limit - Slack, Limit + Slack);
    }

    [Fact]
    public async Task Write_LargerThanTheLimit_IsRefusedAndEvictsNothing()
    {
        Open(EvictionPolicy.Lru);
        int keys = await FillAsync(stopAtEviction: true);
        long evictions = Stats.Evictions;
        await AssertFullAsync(Put("large", (int)Limit));
        Assert.Equal(new(0, ResultStatus.MemoryFull), await RefusedAsync([Put("large", (int)Limit)]));
        Assert.Equal((evictions, keys), (Stats.Evictions, Stats.Keys + evictions));

        // Nearly as large: all others go, and it is there.
        Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Put("large", (int)Limit - 200_000))).Status);
        Assert.InRange(Stats.Keys, 1, keys / 10);
    }

    [Fact]
    public async Task Eviction_EntriesUsedLately_Stay()
    {
        Open(EvictionPolicy.Lru);
        int keys = await FillAsync(stopAtEviction: true);
        string[] read = [.. Enumerable.Range(0, keys).Where(i => i % 10 == 0).Select(Name)];
        for (int i = 0; i < 20 * keys; i++)
        {
            if (i % 100 == 0) _time.Advance(TimeSpan.FromMilliseconds(4));
            await ExecuteAsync(Operation.Get(Key(read[i % read.Length])));
            if (i % 4 == 0) await ExecuteAsync(Put(Name(keys + i), 100));
            // A listing is no use of what it lists.
            if (i % 10_000 == 0) await _store.ListAsync(new ListQuery { Limit = 100_000 }, new RecordingEntrySink());
        }

        int stayed = 0;
        foreach (string name in read)
            if ((await ExecuteAsync(Operation.Get(Key(name)))).Status == ResultStatus.Done) stayed++;
        Assert.InRange(stayed, read.Length * 97 / 100, read.Length);
    }

    /// <summary>Where shards have a few entries each, and some by chance nearly none.</summary>
    [Fact]
    public async Task Eviction_FewEntries_NeverTakesTheOneUsedAllTheTime()
    {
        Open(EvictionPolicy.Lru);
        for (int i = 0; i < 5_000; i++)
        {
            await ExecuteAsync(Put(Name(i), 50_000));
            _time.Advance(TimeSpan.FromMilliseconds(4));
            Assert.Equal(ResultStatus.Done, (await ExecuteAsync(Operation.Get(Key(Name(0))))).Status);
        }
        Assert.InRange(Stats.Keys, 60, 90);
    }

    /// <summary>A cache in front of something: what is not there is put. Compared with one that evicts exactly.</summary>
    [Fact]
    public Task Eviction_SkewedReads_HitNearlyAsOftenAsWithAnExactLru() => Seeds.RunAsync(async random =>
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
            bool hit = (await ExecuteAsync(Operation.Get(Key(Name(key))))).Status == ResultStatus.Done;
            if (!hit) await ExecuteAsync(Put(Name(key), 100));

            bool exactHit = places.Remove(key, out LinkedListNode<int>? place);
            if (exactHit) exact.Remove(place!);
            places[key] = exact.AddLast(key);

            // Once it is full; and with room for as many as the store has, which lays out its memory as it likes.
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
    public async Task Eviction_WhatHasExpired_GoesFirst()
    {
        Open(EvictionPolicy.Lru, sweeps: false);
        const int Expiring = 10_000;
        for (int i = 0; i < Expiring; i++) await ExecuteAsync(Put($"expiring {i}", 100, Now + 1));
        await FillAsync(stopAtEviction: true, maxKeys: 5_000);
        Assert.Equal(0, Stats.Evictions);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        for (int i = 0; Stats.Expirations < Expiring * 9 / 10; i++) await ExecuteAsync(Put($"after {i}", 100));
        Assert.InRange(Stats.Evictions, 0, Expiring / 20);
    }

    [Theory]
    [InlineData(EvictionPolicy.None)]
    [InlineData(EvictionPolicy.Lru)]
    public async Task Write_ByManyThreadsAtTheLimit_CountsEveryByte(EvictionPolicy policy)
    {
        _store = new EmbeddedStore(TimeProvider.System, new EmbeddedStoreOptions { MemoryBytesMax = Limit, Eviction = policy });
        long empty = Stats.MemoryBytes;
        int keys = await FillAsync(stopAtEviction: true);
        long evictions = Stats.Evictions;
        long before = Stats.Version;
        List<long>[] versions = await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() => WriteAsync(new Random(seed)))));

        // Each commit has a version of its own, and so has each removal. All that expires has, soon.
        await Task.Delay(1_000);
        List<long> all = [.. versions.SelectMany(own => own)];
        Assert.All(versions, own => Assert.Equal(own.Order(), own));
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(Stats.Version, before + all.Count + Stats.Evictions - evictions + Stats.Expirations);
        Assert.InRange(Stats.MemoryBytes, Limit / 2, Limit + 4 * Slack);

        var left = new RecordingEntrySink();
        await _store.ListAsync(new ListQuery { Limit = int.MaxValue }, left);
        foreach (RecordedEntry entry in left.Entries) await ExecuteAsync(Operation.Delete(Key(entry.Key)));
        Assert.Equal((0, empty), (Stats.Keys, Stats.MemoryBytes));

        // Had it lost count, it would now hold more or less than before.
        Assert.InRange(await FillAsync(stopAtEviction: true), keys * 99 / 100, keys * 101 / 100);
    }

    /// <summary>Its commits' versions, in the order in which it made them.</summary>
    private async Task<List<long>> WriteAsync(Random random)
    {
        List<long> versions = [];
        for (int i = 0; i < 20_000; i++)
        {
            var sink = new RecordingSink();
            long soon = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + random.Next(300);
            Operation put = Put(Name(random.Next(40_000)), random.Next(600), random.Next(3) == 0 ? soon : Operation.Never);
            if (i % 3 == 0) await _store.CommitAsync(new[] { put, Operation.Delete(Key(Name(random.Next(40_000)))) }, sink);
            else await _store.ExecuteAsync(new[] { put }, sink);
            if (sink.Results[0].Status == ResultStatus.Done) versions.Add(sink.Results[0].Version);
        }
        return versions;
    }

    [Fact]
    public async Task Execute_WithEvictions_AllocatesNothing()
    {
        Open(EvictionPolicy.Lru);
        Operation[] puts = [.. Enumerable.Range(0, 60_000).Select(i => Put(Name(i), 100))];
        var sink = new CountingSink();
        await _store.ExecuteAsync(puts, sink);
        await _store.CommitAsync(puts.AsMemory(0, 1_000), sink);
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            await _store.ExecuteAsync(puts, sink);
            await _store.CommitAsync(puts.AsMemory(0, 1_000), sink);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        // Keys come and go: a separator that moves up the tree is copied.
        Assert.InRange(least / (double)puts.Length, 0, 0.5);
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private static string Name(int i) => $"key {i:D8}";

    private static byte[] Key(string name) => Encoding.ASCII.GetBytes(name);

    private static Operation Put(string name, int valueBytes, long expiresAt = Operation.Never) =>
        Operation.Put(Key(name), Encoding.ASCII.GetBytes(new string('v', valueBytes)), expiresAt);

    private void Open(EvictionPolicy policy, bool sweeps = true) => _store = new EmbeddedStore(
        sweeps ? _time : new NoTimers(_time), new EmbeddedStoreOptions { MemoryBytesMax = Limit, Eviction = policy });

    /// <summary>How many keys it put before one was refused, or evicted another.</summary>
    private async Task<int> FillAsync(bool stopAtEviction = false, int maxKeys = int.MaxValue)
    {
        long evictions = Stats.Evictions;
        for (int i = 0; i < maxKeys; i++)
        {
            if ((await ExecuteAsync(Put(Name(i), 100))).Status == ResultStatus.MemoryFull) return i;
            if (stopAtEviction && Stats.Evictions > evictions) return i + 1;
        }
        return maxKeys;
    }

    private async Task<Recorded> ExecuteAsync(Operation operation)
    {
        var sink = new RecordingSink();
        await _store.ExecuteAsync(new[] { operation }, sink);
        return Assert.Single(sink.Results);
    }

    private async Task<Recorded> RefusedAsync(Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.False(await _store.CommitAsync(batch, sink));
        return Assert.Single(sink.Results);
    }

    private async Task AssertFullAsync(Operation operation) =>
        Assert.Equal(new(0, ResultStatus.MemoryFull), await ExecuteAsync(operation));

    /// <summary>A clock without timers: nothing is removed in the background.</summary>
    private sealed class NoTimers(TimeProvider time) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override long GetTimestamp() => time.GetTimestamp();

        public override long TimestampFrequency => time.TimestampFrequency;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new FakeTimeProvider().CreateTimer(callback, state, dueTime, period);
    }

    private sealed class CountingSink : IResultSink
    {
        public bool OnResult(int index, in OperationResult result) => true;
    }
}
