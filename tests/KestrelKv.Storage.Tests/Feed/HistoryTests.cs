using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Durability;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging;
using static KestrelKv.Storage.Tests.Feed.Operations;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>The history of a store with a log, and watches that need more than it has.</summary>
public sealed class HistoryTests : IDisposable, ILogger
{
    private const int DamageEvent = 211;
    private const int HistoryDeletedEvent = 212;

    private readonly TestTime _time = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
    private readonly List<int> _events = [];
    private CrashProfile _profile = new() { SegmentBytes = 4_096, FeedMemoryBytes = 4_096 };
    private SimulatedDisk _disk = new(new Random(1));
    private WatchedStore? _opened;

    private WatchedStore Store => _opened ??= new WatchedStore(_disk, _profile, _time, this);

    public void Dispose() => _opened?.Dispose();

    [Fact]
    public void ReadAsync_NoLongerInMemory_ReadsTheLog()
    {
        using OpenWatch slow = Watch(0);
        slow.Read();
        Store.Put(1_000, valueBytes: 50);
        AssertDelivers(slow, 1, 1_000);
        Store.Put(3);
        Assert.Equal(1, slow.Wakes - 1);
        AssertDelivers(slow, 1, 1_003);
    }

    [Fact]
    public void ReadAsync_FromBeforeTheFirstWatch_ReadsTheLog()
    {
        Store.Put(500, valueBytes: 50);
        Assert.Equal(1, Store.Stats.OldestVersion);
        using OpenWatch all = Watch(1), middle = Watch(251), next = Watch(501), beyond = Watch(502);
        AssertDelivers(all, 1, 500);
        AssertDelivers(middle, 251, 500);
        AssertDelivers(next, 501, 500);
        Assert.Equal(WatchStatus.Future, beyond.Read());
    }

    /// <summary>Commits that are written after the first watch opens, but were queued before, are not in the history in memory.</summary>
    [Fact]
    public void ReadAsync_CommittedBeforeAndWrittenAfterTheFirstWatch_IsReported()
    {
        Store.Put(3);
        _ = Store.Calls.ExecuteAsync(new[] { Put("late", "1") }, new CountingSink()).AsTask();
        using OpenWatch watch = Watch(0), future = Watch(6), next = Watch(5);
        Assert.Equal(WatchStatus.UpToDate, watch.Read());
        Assert.Equal((WatchStatus.Future, WatchStatus.UpToDate), (future.Read(), next.Read()));
        Assert.Empty(watch.Changes);
        Store.Settle();
        AssertDelivers(watch, 4, 4);
        Assert.Equal((1, 0), (watch.Wakes, next.Wakes));
        Store.Put(1);
        AssertDelivers(next, 5, 5);
    }

    [Fact]
    public void ReadAsync_CommittedAndNotSynced_IsNotReported()
    {
        using OpenWatch watch = Watch(0);
        watch.Read();
        _ = Store.Calls.ExecuteAsync(new[] { Put("k", "1") }, new CountingSink()).AsTask();
        Store.Driven.Write(sync: false);
        Store.Driven.DispatchFeed();
        using OpenWatch late = Watch(1);
        Assert.Equal((WatchStatus.UpToDate, WatchStatus.UpToDate), (watch.ReadAll(), late.ReadAll()));
        Assert.Equal((0, 0, 0), (watch.Wakes, watch.Changes.Count, late.Changes.Count));
        Assert.Equal((1, 0), (Store.Stats.Version, Store.Stats.DurableVersion));
        Store.Settle();
        AssertDelivers(watch, 1, 1);
        AssertDelivers(late, 1, 1);
    }

    [Fact]
    public void ReadAsync_EverySecAndWritten_IsReportedBeforeTheSync()
    {
        _profile = _profile with { Mode = DurabilityMode.EverySec };
        using OpenWatch watch = Watch(0);
        watch.Read();
        Store.Calls.ExecuteAsync(new[] { Put("k", "1") }, new CountingSink()).Completed();
        Store.Driven.Write(sync: false);
        Store.Driven.DispatchFeed();
        AssertDelivers(watch, 1, 1);
        Assert.Equal((DurabilityMode.EverySec, 0), (Store.Stats.Durability, Store.Stats.DurableVersion));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10_000)]
    [InlineData(1_000_000)]
    public void Snapshot_MoreHistoryThanFits_KeepsTheNewest(long bytes)
    {
        _profile = _profile with { HistoryBytes = bytes };
        Store.Put(500, valueBytes: 50);
        Store.Driven.Snapshot();
        Assert.InRange(Store.Driven.HistoryBytes, Math.Min(bytes, 40_000) - 4_096, bytes);
        AssertOldestVersion();
        if (bytes == 0) Assert.InRange(Store.Stats.OldestVersion, 490, 501);
        if (bytes == 1_000_000) Assert.Equal(1, Store.Stats.OldestVersion);
    }

    [Fact]
    public void TrimHistory_TooOld_Deletes()
    {
        _profile = _profile with { HistoryTime = TimeSpan.FromMinutes(10) };
        Store.Put(200, valueBytes: 50);
        _time.Advance(TimeSpan.FromMinutes(9));
        Store.Put(200, valueBytes: 50);
        Store.Driven.Snapshot();
        Store.Driven.TrimHistory();
        Assert.Equal(1, Store.Stats.OldestVersion);
        _time.Advance(TimeSpan.FromMinutes(2));
        Store.Driven.TrimHistory();
        Assert.InRange(Store.Stats.OldestVersion, 150, 201);
        AssertOldestVersion();
        _time.Advance(TimeSpan.FromMinutes(10));
        Store.Driven.TrimHistory();
        Assert.InRange(Store.Stats.OldestVersion, 350, 401);
        Assert.Equal(0, Store.Driven.HistoryBytes);
        AssertOldestVersion();
    }

    [Fact]
    public void Open_AfterARestart_KeepsTheHistory()
    {
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        Store.Put(100, valueBytes: 50);
        long kept = Store.Driven.HistoryBytes;
        Restart();
        Assert.Equal((1, kept), (Store.Stats.OldestVersion, Store.Driven.HistoryBytes));
        using OpenWatch watch = Watch(120);
        AssertDelivers(watch, 120, Store.Start);
        Store.Put(100, valueBytes: 50);
        AssertDelivers(watch, 120, Store.Start + 100);
        Assert.Equal(381, watch.Versions.Count());
    }

    /// <summary>A position continues if and only if the watch has not reported lost commits.</summary>
    [Theory]
    [InlineData(DurabilityMode.EverySec, false)]
    [InlineData(DurabilityMode.None, false)]
    [InlineData(DurabilityMode.Always, true)]
    public void Watch_VisibleCommitsLost_ContinuesBeforeThemAndIsCompactedWithin(DurabilityMode mode, bool fromMemory)
    {
        _profile = _profile with { Mode = mode };
        Store.Put(10);
        PutUnwritten("lost", 20, fromMemory);
        Close();
        _disk = _disk.Kill();
        Store.Put(5);

        long start = Store.Start;
        Assert.Equal(10, Store.Driven.LastRecovered);
        Assert.InRange(start, 30 + VersionRange.Stride / 2, long.MaxValue);
        Assert.Equal(start + 5, Store.Stats.Version);
        foreach (long from in (long[])[1, 5, 11, start + 1, start + 3, start + 6])
            using (OpenWatch watch = Watch(from)) AssertDelivers(watch, from, start + 5);
        foreach (long from in (long[])[12, 20, 31, start - 1, start])
        {
            using OpenWatch watch = Watch(from);
            Assert.Equal(WatchStatus.Compacted, watch.ReadAll());
            Assert.Empty(watch.Changes);
        }
        using OpenWatch future = Watch(start + 7);
        Assert.Equal(WatchStatus.Future, future.Read());
    }

    [Fact]
    public void Watch_AfterManyStarts_ContinuesAcrossAll()
    {
        for (int i = 0; i < 30; i++)
        {
            if (i % 3 == 0) Store.Put(20, valueBytes: 50);
            if (i % 7 == 0) Store.Driven.Snapshot();
            Restart();
        }
        using OpenWatch watch = Watch(1);
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        Assert.Equal((200, Store.Start), (watch.Versions.Count(), watch.Position));
        Assert.Equal(watch.Versions.Order(), watch.Versions);
    }

    [Fact]
    public void Open_AfterARestart_MeasuresAgeFromTheSnapshot()
    {
        _profile = _profile with { HistoryTime = TimeSpan.FromMinutes(10) };
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        _time.Advance(TimeSpan.FromMinutes(8));
        Restart();
        Assert.Equal(1, Store.Stats.OldestVersion);
        _time.Advance(TimeSpan.FromMinutes(3));
        Store.Driven.TrimHistory();
        Assert.InRange(Store.Stats.OldestVersion, 280, 301);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_HistoricalSegmentMissingOrDamaged_BeginsAfterIt(bool missing)
    {
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        Close();
        string name = FileNames.OfSegment(3);
        if (missing) _disk.Delete(name);
        else Flip(name, 70);
        Assert.InRange(Store.Stats.OldestVersion, 50, 250);
        Assert.DoesNotContain(FileNames.OfSegment(1), _disk.List());
        Assert.DoesNotContain(FileNames.OfSegment(2), _disk.List());
        Assert.Equal(missing ? 0 : 1, _events.Count(logged => logged == DamageEvent));
        AssertOldestVersion();
    }

    [Fact]
    public void ReadAsync_DamagedHistory_IsCompactedAndLoggedOnce()
    {
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        Close();
        Flip(FileNames.OfSegment(3), 2_000);
        Assert.Equal(1, Store.Stats.OldestVersion);
        using (OpenWatch watch = Watch(1)) Assert.Equal(WatchStatus.Compacted, watch.ReadAll());
        using (OpenWatch watch = Watch(1)) Assert.Equal(WatchStatus.Compacted, watch.ReadAll());
        Assert.Single(_events, DamageEvent);
        Assert.InRange(Store.Stats.OldestVersion, 50, 250);
        AssertOldestVersion();
        Store.Put(10);
        AssertOldestVersion();
    }

    [Fact]
    public void ReadAsync_DiskUnreadable_ThrowsAndContinuesLater()
    {
        Store.Put(300, valueBytes: 50);
        using OpenWatch watch = Watch(1);
        watch.Read();
        _disk.Faults = new DiskFaults { Read = 1 };
        Assert.Throws<IOException>(() => watch.Read());
        _disk.Faults = DiskFaults.None;
        AssertDelivers(watch, 1, 300);
    }

    [Fact]
    public void Write_DiskFull_DeletesHistoryFirst()
    {
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        Assert.Equal(1, Store.Stats.OldestVersion);
        _disk.CapacityBytes = _disk.UsedBytes + 100;
        long before = Store.Driven.HistoryBytes;
        Store.Put(150, valueBytes: 50);
        Assert.Contains(HistoryDeletedEvent, _events);
        Assert.InRange(Store.Stats.OldestVersion, 2, 250);
        Assert.InRange(Store.Driven.HistoryBytes, 1, before - 1);
        Assert.Equal(450, Store.Stats.DurableVersion);
        AssertOldestVersion();
    }

    [Fact]
    public void Snapshot_DiskFull_DeletesHistoryFirst()
    {
        Store.Put(300, valueBytes: 50);
        Store.Driven.Snapshot();
        Store.Put(50, "more", valueBytes: 50);
        _disk.CapacityBytes = _disk.UsedBytes + 100;
        Assert.Equal(350, Store.Driven.Snapshot().Version);
        Assert.Contains(HistoryDeletedEvent, _events);
        AssertOldestVersion();
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _events.Add(eventId.Id);

    /// <summary>Checks that a watch can begin at the oldest version, and not before it.</summary>
    private void AssertOldestVersion()
    {
        long oldest = Store.Stats.OldestVersion, last = Store.Stats.Version;
        using OpenWatch first = Watch(oldest), before = Watch(oldest - 1);
        AssertDelivers(first, oldest, last);
        Assert.Equal(oldest, first.OldestVersion);
        if (oldest == 1) return;
        Assert.Equal(WatchStatus.Compacted, before.ReadAll());
        Assert.Empty(before.Changes);
        Assert.Equal(WatchStatus.Compacted, before.ReadAll());
    }

    private void AssertDelivers(OpenWatch watch, long from, long to)
    {
        Assert.Equal(WatchStatus.UpToDate, watch.ReadAll());
        Assert.Equal(
            [.. Range(from, Math.Min(to, Store.Driven.LastRecovered)), .. Range(Math.Max(from, Store.Start + 1), to)], watch.Versions);
        Assert.Equal(to, watch.Position);
    }

    private static IEnumerable<long> Range(long from, long to)
    {
        for (long version = from; version <= to; version++) yield return version;
    }

    /// <summary>Puts entries that are visible, but not written.</summary>
    private void PutUnwritten(string prefix, int count, bool fromMemory)
    {
        for (int i = 0; i < count; i++)
        {
            Operation put = Put($"{prefix}{i}", "1") with { AcknowledgeFromMemory = fromMemory };
            Assert.Equal(1, Store.Calls.ExecuteAsync(new[] { put }, new CountingSink()).Completed());
        }
    }

    private OpenWatch Watch(long from) => new(Store.Calls, from: from);

    private void Flip(string name, int offset)
    {
        byte[] bytes = _disk.GetContents(name);
        bytes[offset] ^= 1;
        _disk.SetContents(name, bytes);
    }

    private void Restart()
    {
        Close();
        _disk = _disk.Crash();
    }

    private void Close()
    {
        _opened?.Dispose();
        _opened = null;
    }
}
