using System.Text;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Small data files with something of everything, what the store was at each version, and what must become of damage to them.</summary>
internal sealed class BuiltLog
{
    private static readonly CrashProfile Profile = new() { SegmentBytes = 512, HistoryBytes = 0 };

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
    private readonly Dictionary<long, List<RecordedEntry>> _states = new() { [0] = [] };
    private readonly Dictionary<string, LogMap> _segments = [];
    private readonly SimulatedDisk _disk;
    private readonly string _lastUsed;
    private long _last;

    /// <param name="random">Decides what has no influence on what the files have.</param>
    /// <param name="snapshot">Whether there is a snapshot, with log after it.</param>
    /// <param name="mark">Whether the log ends with a mark, as after a time without commits.</param>
    public BuiltLog(Random random, bool snapshot, bool mark)
    {
        _disk = new SimulatedDisk(random);
        using (DrivenStore store = Open(_disk)!)
        {
            Build(store, 0, sync: true);
            if (snapshot) store.Snapshot();
            Build(store, 20, sync: true);
            // The last two are written, and no mark tells of it.
            Commit(store, sync: false, Put("unsynced", "1"));
            Commit(store, sync: true, Put("synced", "2"), Operation.Delete(Key("k1")));
            if (mark) store.Mark();
        }

        Names = [.. _disk.List().Order(StringComparer.Ordinal)];
        foreach (string name in Names.Where(name => name.EndsWith(".log", StringComparison.Ordinal))) _segments[name] = new(_disk.GetContents(name));
        _lastUsed = _segments.Where(segment => segment.Value.Frames.Count > 0).Max(segment => segment.Key)!;
    }

    /// <summary>The files.</summary>
    public string[] Names { get; }

    /// <summary>The segments that have commits.</summary>
    public IEnumerable<string> UsedSegments => _segments.Where(segment => segment.Value.Frames.Count > 0).Select(segment => segment.Key);

    public byte[] Contents(string name) => _disk.GetContents(name);

    /// <summary>Recovers the files, one of them with other contents, and sees that it went as it must.</summary>
    /// <param name="name">The file.</param>
    /// <param name="damaged">Its contents.</param>
    /// <param name="goesOn">Whether it is also tried whether what was recovered goes on, and what was cut off stays away.</param>
    public void AssertRecovers(string name, byte[] damaged, bool goesOn)
    {
        byte[] whole = _disk.GetContents(name);
        int from = whole.AsSpan().CommonPrefixLength(damaged);
        int to = Math.Max(whole.Length, damaged.Length);
        if (damaged.Length == whole.Length)
            while (to > from && whole[to - 1] == damaged[to - 1]) to--;
        long? expected = ExpectedVersion(name, from, to);

        SimulatedDisk disk = _disk.Copy();
        disk.SetContents(name, damaged);
        using DrivenStore? store = Open(disk, refusal =>
        {
            Assert.True(expected is null, $"refused: {refusal.Message}");
            Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
            Assert.Contains("offset", refusal.Message, StringComparison.Ordinal);
        });
        if (store is null) return;
        Assert.True(expected is not null, $"opened with version {store.LastRecovered}, though what is damaged was durable");
        AssertIs(expected.Value, store);
        if (goesOn) AssertGoesOn(disk, store);
    }

    /// <summary>The version that must be recovered; null where that must be refused.</summary>
    private long? ExpectedVersion(string name, int from, int to)
    {
        if (from == to) return _last;
        if (!_segments.TryGetValue(name, out LogMap? map) || from < FileHeader.Bytes) return null;
        if (map.FirstIn(from, to) is not { } first) return _last;
        if (name != _lastUsed || map.IsProven(first, from, to)) return null;
        return map.LastVersionBefore(first.Start) ?? _segments.Where(s => string.CompareOrdinal(s.Key, name) < 0)
            .Max(s => s.Value.LastVersionBefore(int.MaxValue)) ?? 0;
    }

    /// <summary>Twenty commits, one more or less.</summary>
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

    private void AssertGoesOn(SimulatedDisk disk, DrivenStore store)
    {
        long expected = store.Version;
        using var thread = new SingleThread();
        _ = store.Calls.ExecuteAsync(new[] { Put("next", "1") }, new CountingSink()).AsTask();
        for (int i = 0; i < 10 && store.DurableVersion <= expected; i++)
        {
            // It may have to wait for a segment.
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

    private DrivenStore? Open(IDisk disk, Action<DataException>? onRefusal = null)
    {
        try
        {
            return DrivenStore.Open(disk, Profile, _time);
        }
        catch (DataException e) when (onRefusal is not null)
        {
            onRefusal(e);
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

    private static Operation Put(string key, string value, long expiresAt = Operation.Never) => Operation.Put(Key(key), Encoding.ASCII.GetBytes(value), expiresAt);
}
