using KestrelKv.Storage;

namespace KestrelKv.Testing;

/// <summary>A change of an entry as an object.</summary>
public sealed record ManagedChange(ChangeKind Kind, long Version, byte[] Key, byte[] Value, long ExpiresAt);

/// <summary>All changes of a <see cref="ManagedStore"/>, in a list. The caller holds the store's lock, except where noted.</summary>
internal sealed class ManagedFeed
{
    private readonly Lock _lock = new();
    private readonly List<ManagedChange> _changes = [];
    private readonly HashSet<ManagedWatch> _watches = [];

    public int Count => _changes.Count;

    public int Watches
    {
        get
        {
            lock (_lock) return _watches.Count;
        }
    }

    public void Add(ManagedChange change)
    {
        lock (_lock) _changes.Add(change);
    }

    /// <summary>Removes the changes of a batch that was refused before its end.</summary>
    public void Truncate(int count)
    {
        lock (_lock) _changes.RemoveRange(count, _changes.Count - count);
    }

    /// <summary>
    /// Combines all changes of a key in a batch into one, at the position of the last. Removes them if the key is absent before and after.
    /// </summary>
    public void Fold(int from, Func<byte[], bool> existed)
    {
        lock (_lock)
        {
            for (int i = _changes.Count - 1; i >= from; i--)
            {
                ManagedChange last = _changes[i];
                List<ManagedChange> earlier = [.. _changes[from..i].Where(change => change.Key.AsSpan().SequenceEqual(last.Key))];
                if (last.Kind == ChangeKind.SetExpiry && earlier.FindLast(change => change.Kind == ChangeKind.Put) is { } put)
                    _changes[i] = put with { ExpiresAt = last.ExpiresAt };
                foreach (ManagedChange change in earlier) _changes.Remove(change);
                i -= earlier.Count;
                if (last.Kind == ChangeKind.Delete && !existed(last.Key)) _changes.Remove(last);
            }
        }
    }

    public IWatch Watch(WatchQuery query, Action wake, Func<long> last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.From);
        lock (_lock)
        {
            var watch = new ManagedWatch(this, query, wake, last);
            _watches.Add(watch);
            return watch;
        }
    }

    /// <summary>Wakes the watches that wait for changes. Must be called without locks.</summary>
    public void Wake()
    {
        ManagedWatch[] waiting;
        lock (_lock) waiting = [.. _watches.Where(watch => watch.TryEndWait())];
        foreach (ManagedWatch watch in waiting) watch.Wake();
    }

    private sealed class ManagedWatch(ManagedFeed feed, WatchQuery query, Action wake, Func<long> last) : IWatch
    {
        private readonly long _lastAtStart = last();
        private bool _isWaiting;

        public long Position { get; private set; } = query.From == 0 ? last() : query.From - 1;

        public long OldestVersion => 1;

        public void Wake() => wake();

        /// <summary>Returns whether the watch waits and changes have arrived, and ends its wait.</summary>
        public bool TryEndWait()
        {
            if (!_isWaiting || last() == Position) return false;
            _isWaiting = false;
            return true;
        }

        public ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default)
        {
            if (query.From > _lastAtStart + 1) return new(WatchStatus.Future);
            ManagedChange[] next;
            long upTo;
            lock (feed._lock)
            {
                // Changes are added before their version is the last one.
                upTo = last();
                next = [.. feed._changes.Where(change => change.Version > Position && change.Version <= upTo)];
                _isWaiting = next.Length == 0;
            }
            bool isFull = false;
            foreach (ManagedChange change in next)
            {
                if (isFull && change.Version != Position) return new(WatchStatus.More);
                Position = change.Version;
                if (change.Key.AsSpan().StartsWith(query.Prefix.Span)) isFull |= !changes.OnChange(View(change));
            }
            Position = upTo;
            if (next.Length == 0) return new(WatchStatus.UpToDate);
            return new(WatchStatus.More);
        }

        public void Dispose()
        {
            lock (feed._lock) feed._watches.Remove(this);
        }

        private static ChangeView View(ManagedChange change) => new()
        {
            Kind = change.Kind, Version = change.Version, Key = change.Key, Value = change.Value, ExpiresAt = change.ExpiresAt,
        };
    }
}
