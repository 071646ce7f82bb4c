using KestrelKv.Storage;

namespace KestrelKv.Testing;

/// <summary>A change of an entry as an object.</summary>
public sealed record ManagedChange(ChangeKind Kind, long Version, byte[] Key, byte[] Value, long ExpiresAt);

/// <summary>All changes of a <see cref="ManagedStore"/>, in a list. Under its lock, but for what says otherwise.</summary>
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

    /// <summary>Forgets the changes of a batch that was refused in the middle.</summary>
    public void TakeBack(int count)
    {
        lock (_lock) _changes.RemoveRange(count, _changes.Count - count);
    }

    /// <summary>
    /// Makes one change of all changes of a key in a batch, at the place of the last one; none if the key is absent before and after.
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

    /// <summary>Wakes whoever waits for changes. Without locks.</summary>
    public void Wake()
    {
        ManagedWatch[] waiting;
        lock (_lock) waiting = [.. _watches.Where(watch => watch.TakeWaiting())];
        foreach (ManagedWatch watch in waiting) watch.Wake();
    }

    private sealed class ManagedWatch(ManagedFeed feed, WatchQuery query, Action wake, Func<long> last) : IWatch
    {
        private readonly long _lastAtStart = last();
        private bool _waits;

        public long Position { get; private set; } = query.From == 0 ? last() : query.From - 1;

        public long OldestVersion => 1;

        public void Wake() => wake();

        /// <summary>Whether it waits for something that has come; it is to be woken once.</summary>
        public bool TakeWaiting()
        {
            if (!_waits || last() == Position) return false;
            _waits = false;
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
                _waits = next.Length == 0;
            }
            bool enough = false;
            foreach (ManagedChange change in next)
            {
                if (enough && change.Version != Position) return new(WatchStatus.More);
                Position = change.Version;
                if (change.Key.AsSpan().StartsWith(query.Prefix.Span)) enough |= !changes.OnChange(View(change));
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
