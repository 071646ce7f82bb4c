using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Tests.Durability;
using KestrelKv.Testing;
using static KestrelKv.Storage.Tests.Feed.Operations;

namespace KestrelKv.Storage.Tests.Feed;

public abstract class FeedTests : IDisposable
{
    private static readonly byte[] InternalKey = [0xFF, 1];

    private readonly TestTime _time = new();
    private readonly WatchedStore _store;

    protected FeedTests() => _store = Open(_time, new EmbeddedStoreOptions());

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public void Dispose()
    {
        _store.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void ReadAsync_NothingCommitted_IsUpToDate()
    {
        using OpenWatch watch = Watch();
        Assert.Equal(WatchStatus.UpToDate, watch.Read());
        Assert.Equal((0, 0, 1), (watch.Position, watch.Wakes, watch.OldestVersion));
    }

    [Fact]
    public void ReadAsync_EachKind_IsReportedWithItsFields()
    {
        using OpenWatch watch = Watch();
        long later = Now + 1_000, latest = Now + 2_000;
        _store.Execute(Put("a", "1"), Put("b", "2", later), Expire("a", latest), Delete("a"), Delete("a"), Expire("none", later));
        _time.Advance(TimeSpan.FromSeconds(1));
        _store.Settle();

        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        RecordedChange[] expected =
        [
            new(ChangeKind.Put, 1, "a", "1"), new(ChangeKind.Put, 2, "b", "2", later), new(ChangeKind.SetExpiry, 3, "a", "", latest),
            new(ChangeKind.Delete, 4, "a"), new(ChangeKind.Expire, 5, "b"),
        ];
        Assert.Equal(expected, watch.Changes);
    }

    [Fact]
    public void ReadAsync_LiveOrNot_ReportsTheSame()
    {
        using OpenWatch live = Watch(), late = Watch(from: 1);
        live.Read();
        _store.Put(5);
        live.ReadAll();
        late.ReadAll();
        Assert.Equal([1, 2, 3, 4, 5], live.Versions);
        Assert.Equal(live.Changes, late.Changes);
    }

    [Fact]
    public void ReadAsync_Evictions_AreReportedOneByOne()
    {
        using WatchedStore store = Open(
            new TestTime(), new() { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = EvictionPolicy.Lru });
        using var watch = new OpenWatch(store.Calls, from: 1);
        store.Put(600, valueBytes: 2_000);
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        Assert.Equal(store.Stats.Evictions, watch.Changes.Count(change => change.Kind == ChangeKind.Evict));
        Assert.NotEqual(0, store.Stats.Evictions);
        Assert.Equal(Enumerable.Range(1, (int)store.Stats.Version).Select(version => (long)version), watch.Versions);
    }

    [Fact]
    public void ReadAsync_Prefixes_EachReportsItsOwnKeys()
    {
        string[] prefixes = ["", "a", "ab", "abc", "b", "abcd"];
        OpenWatch[] live = [.. prefixes.Select(prefix => Watch(prefix))], late = [.. prefixes.Select(prefix => Watch(prefix, from: 1))];
        foreach (OpenWatch watch in live) watch.Read();
        string[] keys = ["a", "ab", "abc", "b", "ba", "abd", "c", "abcd"];
        _store.Execute([.. keys.Select(key => Put(key, "1"))]);
        for (int i = 0; i < prefixes.Length; i++)
        {
            Assert.Equal(WatchStatus.UpToDate, live[i].ReadAll());
            late[i].ReadAll();
            Assert.Equal(
                keys.Where(key => key.StartsWith(prefixes[i], StringComparison.Ordinal)), live[i].Changes.Select(change => change.Key));
            Assert.Equal(live[i].Changes, late[i].Changes);
            Assert.Equal((8, 8), (live[i].Position, late[i].Position));
            live[i].Dispose();
            late[i].Dispose();
        }
        Assert.Equal(0, _store.Stats.Watches);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadAsync_Batch_IsDeliveredAsAWhole(bool live)
    {
        using OpenWatch watch = Watch("k", from: 1);
        if (live) watch.Read();
        _store.Execute(Put("k1", "0"));
        watch.ReadAll();

        // k1 changes twice, but only once in the commit. k4 is added and deleted.
        _store.Commit(Put("k1", "1"), Put("other", "1"), Put("k2", "2"), Put("k4", "4"), Delete("k1"), Delete("k4"));
        _store.Execute(Put("k3", "3"));

        Assert.Equal(WatchStatus.More, watch.Read(stopAfter: 1));
        RecordedChange[] expected = [new(ChangeKind.Put, 1, "k1", "0"), new(ChangeKind.Put, 2, "k2", "2"), new(ChangeKind.Delete, 2, "k1")];
        Assert.Equal(expected, watch.Changes);
        Assert.Equal(2, watch.Position);
        watch.ReadAll();
        Assert.Equal([1, 2, 2, 3], watch.Versions);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadAsync_SinkStopsEachTime_MissesNothing(bool live)
    {
        using OpenWatch watch = Watch(from: 1);
        if (live) watch.Read();
        _store.Put(50);
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll(stopAfter: 1));
        Assert.Equal(Enumerable.Range(1, 50).Select(version => (long)version), watch.Versions);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadAsync_InternalKeys_AreNotReported(bool live)
    {
        using OpenWatch all = Watch(from: 1);
        if (live) all.Read();
        _store.Commit(Put("a", "1"), Operation.Put(InternalKey, "2"u8.ToArray()));
        _store.Execute(Operation.Put(InternalKey, "3"u8.ToArray()), Operation.Delete(InternalKey));
        Assert.Equal(WatchStatus.UpToDate, all.ReadAll());
        Assert.Equal("a", Assert.Single(all.Changes).Key);
        Assert.Equal(3, all.Position);
    }

    [Theory]
    [InlineData(1, WatchStatus.UpToDate, 5)]
    [InlineData(3, WatchStatus.UpToDate, 3)]
    [InlineData(5, WatchStatus.UpToDate, 1)]
    [InlineData(6, WatchStatus.UpToDate, 0)]
    [InlineData(0, WatchStatus.UpToDate, 0)]
    [InlineData(7, WatchStatus.Future, 0)]
    [InlineData(long.MaxValue, WatchStatus.Future, 0)]
    public void ReadAsync_FromVersion_BeginsThere(long from, WatchStatus status, int changes)
    {
        // The history begins with the first watch.
        Watch().Dispose();
        _store.Put(5);
        using OpenWatch watch = Watch(from: from);
        Assert.Equal(status, watch.ReadAll());
        Assert.Equal(Enumerable.Range(6 - changes, changes).Select(version => (long)version), watch.Versions);
        Assert.Equal(status, watch.ReadAll());
    }

    [Fact]
    public void Watch_FromNegativeVersion_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _store.Calls.Watch(new WatchQuery { From = -1 }, () => { }));

    [Fact]
    public void Wake_AfterUpToDate_OnceAndOnlyForMatchingKeys()
    {
        using OpenWatch a = Watch("a"), b = Watch("b");
        a.Read();
        b.Read();
        _store.Execute(Put("a1", "1"), Put("a2", "1"));
        Assert.Equal((1, 0), (a.Wakes, b.Wakes));
        a.Read(stopAfter: 1);
        _store.Execute(Put("a3", "1"));
        Assert.Equal(1, a.Wakes);
        Assert.Equal(WatchStatus.UpToDate, a.ReadAll());
        Assert.Equal([1, 2, 3], a.Versions);
        _store.Execute(Put("a4", "1"));
        Assert.Equal((2, 0), (a.Wakes, b.Wakes));
    }

    [Fact]
    public void Position_NothingUnderThePrefix_Advances()
    {
        using OpenWatch watch = Watch("none");
        watch.Read();
        _store.Put(5);
        Assert.Equal((5, 0), (watch.Position, watch.Wakes));
    }

    [Fact]
    public void Position_UnreadChanges_StaysBeforeThem()
    {
        using OpenWatch watch = Watch("k");
        watch.Read();
        _store.Execute(Put("a", "1"), Put("k", "1"), Put("k", "2"), Put("a", "1"));
        Assert.InRange(watch.Position, 0, 1);
        watch.Read(stopAfter: 1);
        Assert.Equal(2, watch.Position);
        watch.ReadAll();
        Assert.Equal(4, watch.Position);
    }

    [Theory]
    [InlineData(4_096)]
    [InlineData(4_097)]
    [InlineData(10_000)]
    public void ReadAsync_SlowReader_MissesNothing(int commits)
    {
        using OpenWatch watch = Watch();
        watch.Read();
        for (int i = 0; i < commits; i++) _ = _store.Calls.ExecuteAsync(new[] { Put("k", "1") }, new CountingSink()).AsTask();
        _store.Settle();
        Assert.Equal(1, watch.Wakes);
        for (int i = 0; i < 3; i++) watch.Read(stopAfter: 1);
        _store.Put(3);
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        Assert.Equal(Enumerable.Range(1, (int)_store.Stats.Version).Select(version => (long)version), watch.Versions);
        _store.Put(1);
        Assert.Equal(2, watch.Wakes);
    }

    [Fact]
    public void GetStats_Watches_AreCounted()
    {
        OpenWatch a = Watch(), b = Watch("b", from: 100);
        Assert.Equal(2, _store.Stats.Watches);
        b.Dispose();
        b.Dispose();
        Assert.Equal(1, _store.Stats.Watches);
        a.Read();
        a.Dispose();
        _store.Put(3);
        Assert.Equal((0, 0), (_store.Stats.Watches, a.Wakes));
        Assert.Throws<ObjectDisposedException>(() => a.Read());
    }

    [Fact]
    public void ReadAsync_ClosedStore_ReportsNothing()
    {
        using WatchedStore store = Open(new TestTime(), new());
        using var watch = new OpenWatch(store.Calls);
        watch.Read();
        store.Put(3);
        store.Dispose();
        Assert.Equal(WatchStatus.UpToDate, watch.Read());
        Assert.Empty(watch.Changes);
    }

    private protected abstract WatchedStore Open(TestTime time, EmbeddedStoreOptions options);

    private OpenWatch Watch(string prefix = "", long from = 0) => new(_store.Calls, prefix, from);
}

public sealed class MemoryFeedTests : FeedTests
{
    [Fact]
    public void ReadAsync_FromBeforeTheFirstWatch_IsCompacted()
    {
        var time = new TestTime();
        using var store = new EmbeddedStore(time);
        store.ExecuteAsync(new[] { Put("a", "1"), Put("b", "1") }, new CountingSink()).Completed();
        Assert.Equal(3, store.GetStats().OldestVersion);

        using OpenWatch past = new(store, from: 2), next = new(store, from: 3);
        Assert.Equal((WatchStatus.Compacted, WatchStatus.UpToDate), (past.Read(), next.Read()));
        Assert.Equal((3, 3), (past.OldestVersion, store.GetStats().OldestVersion));
    }

    [Fact]
    public void ReadAsync_HistoryExceedsMemory_IsCompacted()
    {
        using WatchedStore store = Open(new(), new() { FeedMemoryBytes = 4_096 });
        using var slow = new OpenWatch(store.Calls);
        slow.Read();
        store.Put(1_000);
        long oldest = store.Stats.OldestVersion;
        Assert.InRange(oldest, 900, 999);
        Assert.Equal(WatchStatus.Compacted, slow.ReadAll());
        Assert.Equal(oldest, slow.OldestVersion);

        using OpenWatch before = new(store.Calls, from: oldest - 1), first = new(store.Calls, from: oldest);
        Assert.Equal((WatchStatus.Compacted, WatchStatus.UpToDate), (before.ReadAll(), first.ReadAll()));
        Assert.Empty(before.Changes);
        Assert.Equal(Enumerable.Range((int)oldest, 1_001 - (int)oldest).Select(version => (long)version), first.Versions);
    }

    [Fact]
    public void ReadAsync_CommitLargerThanMemory_IsReported()
    {
        using WatchedStore store = Open(new(), new() { FeedMemoryBytes = 4_096 });
        using var watch = new OpenWatch(store.Calls);
        watch.Read();
        store.Execute(Put("long", new string('1', 100_000)));
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        Assert.Equal(100_000, Assert.Single(watch.Changes).Value.Length);
    }

    private protected override WatchedStore Open(TestTime time, EmbeddedStoreOptions options) => new(time, options);
}

public sealed class LogFeedTests : FeedTests
{
    private protected override WatchedStore Open(TestTime time, EmbeddedStoreOptions options) => new(
        new SimulatedDisk(new Random(1)),
        new CrashProfile { SegmentBytes = 1 << 20, Evicts = options.Eviction == EvictionPolicy.Lru, FeedMemoryBytes = options.FeedMemoryBytes }, time);
}
