using KestrelKv.Storage;

namespace KestrelKv.Testing;

/// <summary>
/// The plainest correct store: collections of the base class library under one lock. The model of the engine.
/// </summary>
/// <remarks>
/// What must hold whenever the lock is free: <c>_order</c> has the keys of <c>_entries</c>, and <c>_expiries</c> those
/// of them that expire, with their instants. A call never leaves the lock before all its results are told, which
/// makes every call atomic, batch or not.
/// </remarks>
public sealed class ManagedStore : IKeyValueStore, IDisposable
{
    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    private static readonly IComparer<(long ExpiresAt, byte[] Key)> ByExpiry =
        Comparer<(long ExpiresAt, byte[] Key)>.Create((x, y) =>
            x.ExpiresAt != y.ExpiresAt ? x.ExpiresAt.CompareTo(y.ExpiresAt) : KeyComparer.Instance.Compare(x.Key, y.Key));

    private readonly Lock _lock = new();
    private readonly Dictionary<byte[], Entry> _entries = new(KeyComparer.Instance);
    private readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> _bySpan;
    private readonly SortedSet<byte[]> _order = new(KeyComparer.Instance);
    private readonly SortedSet<(long ExpiresAt, byte[] Key)> _expiries = new(ByExpiry);
    private readonly TimeProvider _time;
    private readonly ITimer _sweeper;
    private long _bytes;
    private long _version;
    private long _expirations;

    /// <summary>An empty store.</summary>
    /// <param name="time">The clock that expiry goes by.</param>
    public ManagedStore(TimeProvider time)
    {
        _time = time;
        _bySpan = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();
        _sweeper = time.CreateTimer(static store => ((ManagedStore)store!).Sweep(), this, SweepPeriod, SweepPeriod);
    }

    /// <summary>Stops removing expired entries in the background.</summary>
    public void Dispose() => _sweeper.Dispose();

    /// <inheritdoc/>
    public ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ReadOnlySpan<Operation> span = operations.Span;
        lock (_lock)
        {
            long now = Now();
            for (int i = 0; i < span.Length; i++)
            {
                ref readonly Operation operation = ref span[i];
                if (operation.IsWrite) RemoveIfExpired(operation.Key.Span, now);

                Entry? entry = Find(operation.Key.Span, now);
                OperationResult result = operation.Precondition.Holds(VersionOf(entry))
                    ? Apply(operation, entry, _version + 1)
                    : Refused(entry);

                // An operation that changed something has made its version the last one.
                if (operation.IsWrite && result.Status == ResultStatus.Done) _version++;
                if (!results.OnResult(i, result)) return new(i + 1);
            }
        }
        return new(span.Length);
    }

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId = default,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ReadOnlySpan<Operation> span = batch.Span;
        lock (_lock)
        {
            long now = Now();
            foreach (ref readonly Operation operation in span)
                if (operation.IsWrite) RemoveIfExpired(operation.Key.Span, now);

            if (FirstRefused(span, now) is { } refused)
            {
                results.OnResult(refused.Index, Refused(refused.Version));
                return new(false);
            }

            bool changed = false;
            long version = _version + 1;
            for (int i = 0; i < span.Length; i++)
            {
                OperationResult result = Apply(span[i], Find(span[i].Key.Span, now), version);
                changed |= span[i].IsWrite && result.Status == ResultStatus.Done;
                if (changed) _version = version;
                results.OnResult(i, result);
            }
        }
        return new(true);
    }

    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        lock (_lock)
        {
            long now = Now();
            int told = 0;
            bool stopped = false;
            foreach (byte[] key in KeysFrom(query))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!key.AsSpan().StartsWith(query.Prefix.Span)) break;

                Entry entry = _entries[key];
                if (entry.IsExpired(now)) continue;
                if (stopped || told == query.Limit) return new(true);

                told++;
                stopped = !entries.OnEntry(new EntryView
                {
                    Key = key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                });
            }
        }
        return new(false);
    }

    /// <inheritdoc/>
    public ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public IWatch Watch(WatchQuery query, Action wake) => throw new NotImplementedException();

    /// <inheritdoc/>
    public StoreStats GetStats()
    {
        lock (_lock) return new(_entries.Count, _bytes, _version) { Expirations = _expirations, DurableVersion = _version, OldestVersion = _version + 1 };
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private static long VersionOf(Entry? entry) => entry?.Version ?? 0;

    private static OperationResult Refused(Entry? entry) => Refused(VersionOf(entry));

    private static OperationResult Refused(long version) =>
        new() { Status = ResultStatus.PreconditionFailed, Version = version, PreviousVersion = version };

    private Entry? Find(ReadOnlySpan<byte> key, long now) =>
        _bySpan.TryGetValue(key, out Entry? entry) && !entry.IsExpired(now) ? entry : null;

    /// <summary>
    /// Plays the batch through without touching the store: of each key that it has written so far, only the version
    /// that the entry would have matters to preconditions.
    /// </summary>
    private (int Index, long Version)? FirstRefused(ReadOnlySpan<Operation> batch, long now)
    {
        Dictionary<byte[], long> written = new(KeyComparer.Instance);
        var bySpan = written.GetAlternateLookup<ReadOnlySpan<byte>>();
        for (int i = 0; i < batch.Length; i++)
        {
            ref readonly Operation operation = ref batch[i];
            ReadOnlySpan<byte> key = operation.Key.Span;
            if (!bySpan.TryGetValue(key, out long version)) version = VersionOf(Find(key, now));

            if (!operation.Precondition.Holds(version)) return (i, version);
            switch (operation.Kind)
            {
                case OperationKind.Put:
                case OperationKind.Expire when version != 0:
                    // An expiry that has passed takes the entry away from the operations after it.
                    bySpan[key] = Entry.IsExpired(operation.ExpiresAt, now) ? 0 : _version + 1;
                    break;
                case OperationKind.Delete:
                    bySpan[key] = 0;
                    break;
            }
        }
        return null;
    }

    private OperationResult Apply(in Operation operation, Entry? entry, long version)
    {
        long previous = VersionOf(entry);
        if (entry is null && operation.Kind != OperationKind.Put)
            return new() { Status = ResultStatus.NotFound };

        switch (operation.Kind)
        {
            case OperationKind.Get:
                return new() { Version = previous, PreviousVersion = previous, ExpiresAt = entry!.ExpiresAt, Value = entry.Value };
            case OperationKind.Put:
                Set(operation.Key.Span, new(operation.Value.ToArray(), version, operation.ExpiresAt));
                break;
            case OperationKind.Delete:
                Remove(operation.Key.Span);
                break;
            case OperationKind.Expire:
                Set(operation.Key.Span, entry! with { Version = version, ExpiresAt = operation.ExpiresAt });
                break;
        }
        return new() { Version = version, PreviousVersion = previous };
    }

    private void Set(ReadOnlySpan<byte> keySpan, Entry entry)
    {
        byte[] key;
        if (_bySpan.TryGetValue(keySpan, out byte[]? known, out Entry? old))
        {
            key = known;
            _bytes -= old.Value.Length;
            if (old.ExpiresAt != Operation.Never) _expiries.Remove((old.ExpiresAt, key));
        }
        else
        {
            key = keySpan.ToArray();
            _order.Add(key);
            _bytes += key.Length;
        }

        _entries[key] = entry;
        _bytes += entry.Value.Length;
        if (entry.ExpiresAt != Operation.Never) _expiries.Add((entry.ExpiresAt, key));
    }

    private void Remove(ReadOnlySpan<byte> keySpan)
    {
        _bySpan.Remove(keySpan, out byte[]? key, out Entry? entry);
        _order.Remove(key!);
        _bytes -= key!.Length + entry!.Value.Length;
        if (entry.ExpiresAt != Operation.Never) _expiries.Remove((entry.ExpiresAt, key));
    }

    private void RemoveIfExpired(ReadOnlySpan<byte> key, long now)
    {
        if (!_bySpan.TryGetValue(key, out Entry? entry) || !entry.IsExpired(now)) return;
        Remove(key);
        _version++;
        _expirations++;
    }

    private void Sweep()
    {
        lock (_lock)
        {
            long now = Now();
            while (_expiries.Count > 0 && Entry.IsExpired(_expiries.Min.ExpiresAt, now))
                RemoveIfExpired(_expiries.Min.Key, now);
        }
    }

    private SortedSet<byte[]> KeysFrom(ListQuery query)
    {
        byte[] from = KeyComparer.Instance.Compare(query.After.Span, query.Prefix.Span) >= 0
            ? [.. query.After.Span, 0] // the least key that is greater
            : query.Prefix.ToArray();

        return _order.Max is { } last && KeyComparer.Instance.Compare(from, last) <= 0 ? _order.GetViewBetween(from, last) : [];
    }

    private sealed record Entry(byte[] Value, long Version, long ExpiresAt)
    {
        public bool IsExpired(long now) => IsExpired(ExpiresAt, now);

        public static bool IsExpired(long expiresAt, long now) => expiresAt != Operation.Never && expiresAt <= now;
    }
}
