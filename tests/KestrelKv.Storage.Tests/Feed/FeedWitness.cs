using System.Text;
using KestrelKv.Storage.Tests.Durability;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>
/// Keeps a copy of all entries under a prefix by what the feed tells, over the lives of many processes, as a client does: where the
/// history is gone it begins anew with what is there.
/// </summary>
internal sealed class FeedWitness(World world, byte[] prefix) : IChangeSink
{
    private readonly SortedDictionary<byte[], StoredEntry> _entries = new(KeyComparer.Instance);
    private IKeyValueStore? _store;
    private IWatch? _watch;
    private long _upTo;
    private long _lastChange;

    /// <summary>Whether what it was shown last has been lost: the next read must find that out.</summary>
    private bool _isLost;
    private bool _wasUpToDate;
    private int _wakes;
    private int _stopAfter;
    private bool _isReading;

    /// <summary>Whether it began with what a listing showed: what had expired by then, and was still there, was not in it.</summary>
    private bool _hasBegunAnew;

    /// <summary>A process has come up.</summary>
    /// <param name="store">Its store.</param>
    /// <param name="recovered">The version that it has recovered.</param>
    public void Watch(IKeyValueStore store, long recovered)
    {
        (_store, _isReading) = (store, false);
        bool isDurable = world.Profile.Mode == DurabilityMode.Always;
        if (isDurable && _upTo > recovered) throw new LostDataException($"The feed has shown version {_upTo}, {recovered} was recovered.");
        if (_watch is null) BeginAnew();
        else Watch(_upTo + 1);
        _isLost |= _upTo > recovered && _upTo < store.GetStats().Version;
    }

    /// <summary>Reads on, once.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool Read(int stopAfter = int.MaxValue)
    {
        if (_isReading || (_watch is null && !TryBeginAnew())) return false;
        _isReading = true;
        bool mustHaveNothing = _wasUpToDate && _wakes == 0;
        (_stopAfter, long before, int shown) = (stopAfter, _upTo, world.Counts.Shown);
        try
        {
            WatchStatus status = _watch!.ReadAsync(this).Completed();
            if (mustHaveNothing && world.Counts.Shown > shown) throw new LostDataException($"There was something to read after version {before}, and nobody was told.");
            if (_watch.Position < Math.Max(before, _lastChange)) throw new LostDataException($"The feed has gone back to version {_watch.Position} from {before}.");
            _upTo = _watch.Position;
            if (world.Profile.Mode == DurabilityMode.Always) world.History.Acknowledge(_upTo);
            _wasUpToDate = status == WatchStatus.UpToDate;
            if (_wasUpToDate && !mustHaveNothing) _wakes = 0;
            if (status == WatchStatus.Future) throw new LostDataException($"The feed does not go on after version {_upTo}.");

            // It may take several reads of the log to find that out.
            bool continues = status == WatchStatus.UpToDate || Math.Max(_upTo, _lastChange) > before;
            if (_isLost && continues) throw new LostDataException($"The feed continues after version {_upTo}, which was lost.");
            if (status == WatchStatus.Compacted) GiveUp();
            return status is WatchStatus.More or WatchStatus.Compacted;
        }
        catch (IOException)
        {
            // What it was shown by then it keeps.
            _upTo = _watch!.Position;
            return false;
        }
        finally
        {
            _isReading = false;
        }
    }

    /// <summary>Reads all that there is, which must make the copy the same as what is there.</summary>
    /// <param name="there">All that is there.</param>
    public void Compare(List<RecordedEntry> there)
    {
        while (Read())
        {
        }
        RecordedEntry[] expected = [.. there.Where(entry => Encoding.UTF8.GetBytes(entry.Key).AsSpan().StartsWith(prefix))];
        RecordedEntry[] copied = [.. _entries.Where(entry => entry.Value.IsVisible(world.Now())).Select(entry => entry.Value.Under(entry.Key))];
        if (!expected.SequenceEqual(copied))
            throw new LostDataException($"The feed told of {string.Join(", ", copied.Except(expected))}, and not of {string.Join(", ", expected.Except(copied))}.");
    }

    public bool OnChange(in ChangeView change)
    {
        world.Counts.Shown++;
        bool follows = change.Version == _lastChange || (prefix.Length == 0 ? world.History.Follows(change.Version, _lastChange) : change.Version > Math.Max(_lastChange, _upTo));
        if (!follows) throw new LostDataException($"The feed shows version {change.Version} after {_lastChange}.");
        if (!change.Key.StartsWith(prefix)) throw new LostDataException($"The feed shows {StoredEntry.Text(change.Key)}.");
        _lastChange = change.Version;
        byte[] key = change.Key.ToArray();
        if (change.Kind == ChangeKind.Put) _entries[key] = new StoredEntry(StoredEntry.Text(change.Value), change.Version, change.ExpiresAt);
        else if (change.Kind == ChangeKind.SetExpiry) _entries[key] = _entries[key] with { Version = change.Version, ExpiresAt = change.ExpiresAt };
        else if (!_entries.Remove(key) && !(_hasBegunAnew && change.Kind is ChangeKind.Expire or ChangeKind.Evict)) throw new LostDataException($"The feed removes {StoredEntry.Text(key)}, which is not there.");
        return --_stopAfter > 0;
    }

    private void GiveUp()
    {
        // A start without commits is overwritten by the next one if no segment has room.
        bool mayBeGone = _isLost || world.History.IsStart(_upTo);
        if (_watch!.OldestVersion <= _upTo + 1 && !mayBeGone) throw new LostDataException($"The feed has what comes after version {_upTo}, and says that it has not.");
        if (_isLost) world.Counts.LostPositions++;
        world.Counts.Compactions++;
        _watch.Dispose();
        _watch = null;
    }

    /// <summary>Nobody is shown a listing before it is durable.</summary>
    private bool TryBeginAnew()
    {
        StoreStats stats = _store!.GetStats();
        if (stats.DurableVersion < stats.Version) return false;
        BeginAnew();
        return true;
    }

    /// <summary>Takes what is there, with the version at which it is; nothing else goes on meanwhile.</summary>
    private void BeginAnew()
    {
        _entries.Clear();
        _isLost = false;
        _hasBegunAnew = true;
        var sink = new RecordingEntrySink();
        _ = _store!.ListAsync(new ListQuery { Prefix = prefix, Limit = int.MaxValue }, sink).AsTask();
        foreach (RecordedEntry entry in sink.Entries) _entries.Add(Encoding.UTF8.GetBytes(entry.Key), new(entry.Value, entry.Version, entry.ExpiresAt));
        Watch(_store.GetStats().Version + 1);
    }

    private void Watch(long from)
    {
        _upTo = _lastChange = from - 1;
        _wasUpToDate = false;
        _watch = _store!.Watch(new WatchQuery { Prefix = prefix, From = from }, () => _wakes++);
    }
}
