using System.Text;
using KestrelKv.Storage.Files;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Small data files with all kinds of records, the state of the store at each version, and the expected result of damage to the files.
/// </summary>
internal sealed class BuiltLog
{
    private static readonly CrashProfile Profile = new() { SegmentBytes = 512, HistoryBytes = 0 };

    private readonly TestTime _time = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
    private readonly Dictionary<long, List<RecordedEntry>> _states = new() { [0] = [] };
    private readonly Dictionary<string, LogMap> _segments = [];
    private readonly SimulatedDisk _disk;
    private readonly string _lastUsed;
    private long _last;

    /// <summary>
    /// Builds the files: with a snapshot followed by log, and with a mark at the end of the log, as after a time without commits.
    /// </summary>
    public BuiltLog(Random random, bool snapshot, bool mark)
    {
        _disk = new SimulatedDisk(random);
        using (DrivenStore store = Open(_disk)!)
        {
            Build(store, 0, sync: true);
            if (snapshot) store.Snapshot();
            Build(store, 20, sync: true);
            // The last two commits are written, and no mark covers them.
            Commit(store, sync: false, Put("unsynced", "1"));
            Commit(store, sync: true, Put("synced", "2"), Operation.Delete(Key("k1")));
            if (mark) store.Mark();
        }

        Names = [.. _disk.List().Order(StringComparer.Ordinal)];
        foreach (string name in Names.Where(name => name.EndsWith(".log", StringComparison.Ordinal)))
            _segments[name] = new(_disk.GetContents(name));
        _lastUsed = _segments.Where(segment => segment.Value.LogRecords.Count > 0).Max(segment => segment.Key)!;
    }

    public string[] Names { get; }

    public IEnumerable<string> UsedSegments =>
        _segments.Where(segment => segment.Value.LogRecords.Count > 0).Select(segment => segment.Key);

    public byte[] Contents(string name) => _disk.GetContents(name);

    /// <summary>
    /// Recovers the files with other contents of one of them, and checks the result: optionally also that the recovered store accepts
    /// writes, and that discarded data does not reappear.
    /// </summary>
    public void AssertRecovers(string name, byte[] damaged, bool continues)
    {
        byte[] whole = _disk.GetContents(name);
        int from = whole.AsSpan().CommonPrefixLength(damaged);
        int to = Math.Max(whole.Length, damaged.Length);
        if (damaged.Length == whole.Length)
            while (to > from && whole[to - 1] == damaged[to - 1]) to--;
        long? expected = ExpectedVersion(name, from, to);

        SimulatedDisk disk = _disk.Copy();
        disk.SetContents(name, damaged);
        using DrivenStore? store = Open(disk, failure =>
        {
            Assert.True(expected is null, $"recovery failed: {failure.Message}");
            Assert.Contains(name, failure.Message, StringComparison.Ordinal);
            Assert.Contains("offset", failure.Message, StringComparison.Ordinal);
        });
        if (store is null) return;
        Assert.True(expected is not null, $"opened with version {store.LastRecovered}, but the damaged data was durable");
        AssertIs(expected.Value, store);
        if (continues) AssertContinues(disk, store);
    }

    /// <summary>Returns the version that must be recovered; null if recovery must fail.</summary>
    private long? ExpectedVersion(string name, int from, int to)
    {
        if (from == to) return _last;
        if (!_segments.TryGetValue(name, out LogMap? map) || from < FileHeader.Bytes) return null;
        if (map.FirstIn(from, to) is not { } first) return _last;
        if (name != _lastUsed || map.IsProven(first, from, to)) return null;
        return map.LastVersionBefore(first.Start) ?? _segments.Where(s => string.CompareOrdinal(s.Key, name) < 0)
            .Max(s => s.Value.LastVersionBefore(int.MaxValue)) ?? 0;
    }

    private void Build(DrivenStore store, int seed, bool sync)
    {
        long later = _time.GetUtcNow().ToUnixTimeMilliseconds() + 1_000_000;
        for (int i = 0; i < 5; i++)
        {
            Commit(store, sync, Put($"k{i}", new string('v', seed + i)));
            Commit(store, sync, Put($"t{i}", "null", later + i));
            Commit(store, sync, Put("k1", $"{seed + i}"), Put($"b{i}", "[1,2]"), Operation.Expire(Key($"k{i}"), later));
            Commit(store, sync, Operation.Delete(Key($"t{i - 2}")), Put("same", $"\"{i}\""));
        }
    }

    private void Commit(DrivenStore store, bool sync, params Operation[] batch)
    {
        _ = store.Calls.CommitAsync(batch, new CountingSink()).AsTask();
        store.Write(sync);
        Assert.Equal(++_last, store.Version);
        _states[_last] = List(store);
    }

    private void AssertIs(long version, DrivenStore store)
    {
        Assert.Equal(version, store.LastRecovered);
        Assert.Equal(_states[version], List(store));
    }

    private void AssertContinues(SimulatedDisk disk, DrivenStore store)
    {
        long expected = store.Version;
        using var thread = new SingleThread();
        _ = store.Calls.ExecuteAsync(new[] { Put("next", "1") }, new CountingSink()).AsTask();
        for (int i = 0; i < 10 && store.DurableVersion <= expected; i++)
        {
            // The call may wait for a segment.
            store.Write(sync: true);
            thread.Run();
        }
        long version = store.DurableVersion;
        Assert.Equal(expected + 1, version);
        List<RecordedEntry> entries = List(store);
        using DrivenStore again = Open(disk.Crash())!;
        Assert.Equal(version, again.LastRecovered);
        Assert.Equal(entries, List(again));
    }

    private DrivenStore? Open(IDisk disk, Action<DataException>? onFailure = null)
    {
        try
        {
            return DrivenStore.Open(disk, Profile, _time);
        }
        catch (DataException e) when (onFailure is not null)
        {
            onFailure(e);
            return null;
        }
    }

    private static List<RecordedEntry> List(DrivenStore store)
    {
        var sink = new RecordingEntrySink();
        _ = store.Calls.ListAsync(new ListQuery { Limit = int.MaxValue }, sink).AsTask();
        return sink.Entries;
    }

    private static byte[] Key(string key) => Encoding.ASCII.GetBytes(key);

    private static Operation Put(string key, string value, long expiresAt = Operation.Never) =>
        Operation.Put(Key(key), Encoding.ASCII.GetBytes(value), expiresAt);
}
