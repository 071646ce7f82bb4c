using System.Text;
using KestrelKv.Storage.Tests.Durability;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>
/// Maintains a copy of all entries under a prefix from the feed, across many processes, as a client does. If the history is gone, it
/// starts again with a listing.
/// </summary>
internal sealed class FeedReplica(World world, byte[] prefix) : IChangeSink
{
    private readonly SortedDictionary<byte[], StoredEntry> _entries = new(KeyComparer.Instance);
    private IKeyValueStore? _store;
    private IWatch? _watch;
    private long _upTo;
    private long _lastChange;

    /// <summary>Whether the last reported commits were lost. The next read must detect this.</summary>
    private bool _isLost;
    private bool _wasUpToDate;
    private int _wakes;
    private int _stopAfter;
    private bool _isReading;

    /// <summary>Whether the copy began with a listing. The listing omits entries that had expired but were not yet removed.</summary>
    private bool _beganWithListing;

    /// <summary>Watches the store of a new process, which has recovered this version.</summary>
    public void Watch(IKeyValueStore store, long recovered)
    {
        (_store, _isReading) = (store, false);
        bool isDurable = world.Profile.Mode == DurabilityMode.Always;
        if (isDurable && _upTo > recovered) throw new LostDataException($"The feed has shown version {_upTo}, {recovered} was recovered.");
        if (_watch is null) BeginWithListing();
        else Watch(_upTo + 1);
        _isLost |= _upTo > recovered && _upTo < store.GetStats().Version;
    }

    /// <summary>Reads once. Returns whether there may be more.</summary>
    public bool Read(int stopAfter = int.MaxValue)
    {
        if (_isReading || (_watch is null && !TryBeginWithListing())) return false;
        _isReading = true;
        bool mustHaveNothing = _wasUpToDate && _wakes == 0;
        (_stopAfter, long before, int shown) = (stopAfter, _upTo, world.Counts.Shown);
        try
        {
            WatchStatus status = _watch!.ReadAsync(this).Completed();
            if (mustHaveNothing && world.Counts.Shown > shown)
                throw new LostDataException($"Changes followed version {before}, but the watch was not woken.");
            if (_watch.Position < Math.Max(before, _lastChange))
                throw new LostDataException($"The position of the feed went from version {before} back to {_watch.Position}.");
            _upTo = _watch.Position;
            if (world.Profile.Mode == DurabilityMode.Always) world.History.Acknowledge(_upTo);
            _wasUpToDate = status == WatchStatus.UpToDate;
            if (_wasUpToDate && !mustHaveNothing) _wakes = 0;
            if (status == WatchStatus.Future) throw new LostDataException($"The feed does not continue after version {_upTo}.");

            // Several reads of the log may be needed to detect it.
            bool continues = status == WatchStatus.UpToDate || Math.Max(_upTo, _lastChange) > before;
            if (_isLost && continues) throw new LostDataException($"The feed continues after version {_upTo}, which was lost.");
            if (status == WatchStatus.Compacted) EndCompacted();
            return status is WatchStatus.More or WatchStatus.Compacted;
        }
        catch (IOException)
        {
            // The changes reported before the failure are kept.
            _upTo = _watch!.Position;
            return false;
        }
        finally
        {
            _isReading = false;
        }
    }

    /// <summary>Reads all changes. The copy must then equal the current entries.</summary>
    public void Compare(List<RecordedEntry> current)
    {
        while (Read())
        {
        }
        RecordedEntry[] expected = [.. current.Where(entry => Encoding.UTF8.GetBytes(entry.Key).AsSpan().StartsWith(prefix))];
        RecordedEntry[] copied =
            [.. _entries.Where(entry => entry.Value.IsVisible(world.Now())).Select(entry => entry.Value.Under(entry.Key))];
        if (!expected.SequenceEqual(copied))
            throw new LostDataException(
                $"The feed reported {string.Join(", ", copied.Except(expected))}, but not {string.Join(", ", expected.Except(copied))}.");
    }

    public bool OnChange(in ChangeView change)
    {
        world.Counts.Shown++;
        bool follows = change.Version == _lastChange ||
            (prefix.Length == 0 ? world.History.Follows(change.Version, _lastChange) : change.Version > Math.Max(_lastChange, _upTo));
        if (!follows) throw new LostDataException($"The feed reports version {change.Version} after {_lastChange}.");
        if (!change.Key.StartsWith(prefix))
            throw new LostDataException($"The feed reports {StoredEntry.Text(change.Key)}, which is not under the prefix.");
        _lastChange = change.Version;
        byte[] key = change.Key.ToArray();
        if (change.Kind == ChangeKind.Put)
            _entries[key] = new StoredEntry(StoredEntry.Text(change.Value), change.Version, change.ExpiresAt);
        else if (change.Kind == ChangeKind.SetExpiry)
            _entries[key] = _entries[key] with { Version = change.Version, ExpiresAt = change.ExpiresAt };
        else if (!_entries.Remove(key) && !(_beganWithListing && change.Kind is ChangeKind.Expire or ChangeKind.Evict))
            throw new LostDataException($"The feed removes {StoredEntry.Text(key)}, which does not exist.");
        return --_stopAfter > 0;
    }

    private void EndCompacted()
    {
        // A start without commits is overwritten by the next one if no segment has room.
        bool mayBeGone = _isLost || world.History.IsStart(_upTo);
        if (_watch!.OldestVersion <= _upTo + 1 && !mayBeGone)
            throw new LostDataException($"The feed reports Compacted, but it has the commits after version {_upTo}.");
        if (_isLost) world.Counts.LostPositions++;
        world.Counts.Compactions++;
        _watch.Dispose();
        _watch = null;
    }

    /// <summary>Restarts from a listing if all commits are durable: a listing is not visible before.</summary>
    private bool TryBeginWithListing()
    {
        StoreStats stats = _store!.GetStats();
        if (stats.DurableVersion < stats.Version) return false;
        BeginWithListing();
        return true;
    }

    /// <summary>Replaces the copy by a listing. No other call runs meanwhile.</summary>
    private void BeginWithListing()
    {
        _entries.Clear();
        _isLost = false;
        _beganWithListing = true;
        var sink = new RecordingEntrySink();
        _ = _store!.ListAsync(new ListQuery { Prefix = prefix, Limit = int.MaxValue }, sink).AsTask();
        foreach (RecordedEntry entry in sink.Entries)
            _entries.Add(Encoding.UTF8.GetBytes(entry.Key), new(entry.Value, entry.Version, entry.ExpiresAt));
        Watch(_store.GetStats().Version + 1);
    }

    private void Watch(long from)
    {
        _upTo = _lastChange = from - 1;
        _wasUpToDate = false;
        _watch = _store!.Watch(new WatchQuery { Prefix = prefix, From = from }, () => _wakes++);
    }
}
