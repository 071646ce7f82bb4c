using KestrelKv.Storage;
using KestrelKv.Json;

namespace KestrelKv.Testing;

/// <summary>A simple store, the model of the engine: collections of the base class library under one lock.</summary>
/// <remarks>
/// Invariant whenever the lock is free: <c>_order</c> has the keys of <c>_entries</c>, and <c>_expiries</c> those that expire, with their
/// times. A call holds the lock until all its results are passed on, so every call is atomic, batch or not.
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
    private readonly ManagedFeed _feed = new();
    private readonly ManagedRequests _requests = new();
    private long _bytes;
    private long _version;
    private long _expirations;

    public ManagedStore(TimeProvider time)
    {
        _time = time;
        _bySpan = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();
        _sweeper = time.CreateTimer(static store => ((ManagedStore)store!).Sweep(), this, SweepPeriod, SweepPeriod);
    }

    public TimeProvider Clock => _time;

    /// <summary>Stops removing expired entries in the background.</summary>
    public void Dispose() => _sweeper.Dispose();

    public ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int executed = 0;
        lock (_lock)
        {
            long now = Now();
            for (bool continues = true; continues && executed < operations.Length; executed++)
            {
                ref readonly Operation operation = ref operations.Span[executed];
                if (operation.IsIdempotent)
                {
                    var one = new OneResult(results, executed);
                    CommitOnce(operations.Slice(executed, 1), one, operation.RequestId);
                    continues = !one.HasStopped;
                    continue;
                }
                if (operation.IsWrite) RemoveIfExpired(operation.Key.Span, now);
                ManagedResult result = Execute(executed, operation, _version + 1, now);
                if (result.Changed) _version++;
                continues = result.PassTo(results);
            }
        }
        _feed.Wake();
        return new(executed);
    }

    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool committed;
        lock (_lock)
        {
            committed = requestId.IsEmpty || batch.ToArray().All(operation => !operation.IsWrite)
                ? Commit(batch.Span, results, out _)
                : CommitOnce(batch, results, requestId);
        }
        _feed.Wake();
        return new(committed);
    }

    /// <summary>Commits a batch, unless its request id has a record.</summary>
    private bool CommitOnce(ReadOnlyMemory<Operation> batch, IResultSink results, RequestId id) => _requests.Execute(
        batch.Span, id, Now(), results, ref _version, sink => (Commit(batch.Span, sink, out bool changed), changed));

    private bool Commit(ReadOnlySpan<Operation> batch, IResultSink results, out bool changed)
    {
        long now = Now();
        changed = false;
        foreach (ref readonly Operation operation in batch)
            if (operation.IsWrite) RemoveIfExpired(operation.Key.Span, now);

        long version = _version + 1;
        Dictionary<byte[], Entry?> before = new(KeyComparer.Instance);
        int changes = _feed.Count;
        List<ManagedResult> all = [];
        for (int i = 0; i < batch.Length; i++)
        {
            byte[] key = batch[i].Key.ToArray();
            before.TryAdd(key, _entries.GetValueOrDefault(key));
            ManagedResult result = Execute(i, batch[i], version, now);
            if (result.IsRefusal && (batch[i].IsWrite || result.Status == ResultStatus.PreconditionFailed))
            {
                foreach ((byte[] changedKey, Entry? entry) in before) Restore(changedKey, entry);
                _feed.Truncate(changes);
                changed = false;
                long stored = Find(key, now)?.Version ?? 0;
                if (result.Status == ResultStatus.PreconditionFailed) result = result with { Version = stored, PreviousVersion = stored };
                result.PassTo(results);
                return false;
            }
            changed |= result.Changed;
            all.Add(result);
        }
        if (changed) _version = version;
        _feed.Fold(changes, key => before.GetValueOrDefault(key) is not null);
        foreach (ManagedResult result in all) result.PassTo(results);
        return true;
    }

    private ManagedResult Execute(int index, in Operation operation, long version, long now)
    {
        Entry? entry = Find(operation.Key.Span, now);
        long previous = entry?.Version ?? 0;
        if (!operation.Precondition.Holds(previous)) return new(index, ResultStatus.PreconditionFailed, previous, previous);
        if (entry is null && !operation.Changes(exists: false)) return new(index, ResultStatus.NotFound);
        if (operation.Kind == OperationKind.Get)
        {
            if (entry!.ExpiresAt != Operation.Never && entry.ExpiresAt < operation.ExpiresAt)
                Set(operation.Key.Span, entry = entry with { ExpiresAt = operation.ExpiresAt });
            return Read(index, operation, entry);
        }

        Operation write = operation;
        EditResult edit = default;
        if (operation.IsEdit)
        {
            var document = new EditBuffer();
            edit = Edits.Apply(operation, entry is not null, entry?.Value, DocumentLimits.Default, document);
            if (edit.Status != EditStatus.Done) return new(index, edit.Status.ToResult(), previous, previous) { Detail = edit.Detail };
            write = Operation.Put(
                operation.Key, document.WrittenMemory, operation.KeepsExpiry ? entry?.ExpiresAt ?? 0 : operation.ExpiresAt);
        }
        Change(write, entry, version);
        return new(index, ResultStatus.Done, version, previous)
        {
            Changed = true,
            ExpiresAt = write.ExpiresAt,
            Value = write.Value.Slice(edit.PartStart, edit.PartBytes).ToArray(),
            OldValue = operation.ReturnsOld ? entry?.Value ?? [] : [],
        };
    }

    private static ManagedResult Read(int index, in Operation get, Entry entry)
    {
        bool found = get.Path.IsEmpty || JsonPointer.TryFind(entry.Value, get.Path.Span, out _);
        ReadOnlySpan<byte> value = entry.Value;
        if (!get.Path.IsEmpty) JsonPointer.TryFind(entry.Value, get.Path.Span, out value);
        return new(index, found ? ResultStatus.Done : ResultStatus.PathNotFound, entry.Version, entry.Version)
        {
            ExpiresAt = entry.ExpiresAt, Value = found ? value.ToArray() : [],
        };
    }

    private void Change(in Operation write, Entry? entry, long version)
    {
        switch (write.Kind)
        {
            case OperationKind.Put:
                Set(write.Key.Span, new(write.Value.ToArray(), version, write.ExpiresAt));
                _feed.Add(new(ChangeKind.Put, version, write.Key.ToArray(), write.Value.ToArray(), write.ExpiresAt));
                break;
            case OperationKind.Delete:
                Remove(write.Key.Span);
                _feed.Add(new(ChangeKind.Delete, version, write.Key.ToArray(), [], Operation.Never));
                break;
            case OperationKind.Expire:
                Set(write.Key.Span, entry! with { Version = version, ExpiresAt = write.ExpiresAt });
                _feed.Add(new(ChangeKind.SetExpiry, version, write.Key.ToArray(), [], write.ExpiresAt));
                break;
        }
    }

    private void Restore(byte[] key, Entry? entry)
    {
        if (entry is not null) Set(key, entry);
        else if (_entries.ContainsKey(key)) Remove(key);
    }

    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        lock (_lock)
        {
            long now = Now();
            int listed = 0;
            bool stopped = false;
            foreach (byte[] key in Visible(query, now))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (stopped || listed == query.Limit) return new(true);

                listed++;
                Entry entry = _entries[key];
                stopped = !entries.OnEntry(new EntryView
                {
                    Key = key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                });
            }
        }
        return new(false);
    }

    public ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default)
    {
        lock (_lock) return new(Math.Min(query.Limit, Visible(query, Now()).Count()));
    }

    public IWatch Watch(WatchQuery query, Action wake)
    {
        lock (_lock) return _feed.Watch(query, wake, () => Volatile.Read(ref _version));
    }

    public StoreStats GetStats()
    {
        lock (_lock)
        {
            return new(_entries.Count, _bytes, _version)
            {
                Expirations = _expirations, RequestIds = _requests.Count, DurableVersion = _version, FeedVersion = _version,
                OldestVersion = 1, Watches = _feed.Watches,
            };
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private Entry? Find(ReadOnlySpan<byte> key, long now) =>
        _bySpan.TryGetValue(key, out Entry? entry) && !entry.IsExpired(now) ? entry : null;

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
        _feed.Add(new(ChangeKind.Expire, _version, key.ToArray(), [], Operation.Never));
        _expirations++;
    }

    private void Sweep()
    {
        lock (_lock)
        {
            long now = Now();
            while (_expiries.Count > 0 && Entry.IsExpired(_expiries.Min.ExpiresAt, now))
                RemoveIfExpired(_expiries.Min.Key, now);
            if (_requests.RemoveExpired(now) is > 0 and int removed) _version += removed;
        }
        _feed.Wake();
    }

    /// <summary>Returns the keys of a listing, in its order and without its limit.</summary>
    private IEnumerable<byte[]> Visible(ListQuery query, long now)
    {
        IEnumerable<byte[]> keys = query.Descending ? _order.Reverse() : KeysFrom(query);
        int sign = query.Descending ? -1 : 1;
        return keys
            .SkipWhile(key => !query.After.IsEmpty && sign * KeyComparer.Instance.Compare(key, query.After.Span) <= 0)
            .TakeWhile(key => query.Until.IsEmpty || sign * KeyComparer.Instance.Compare(key, query.Until.Span) < 0)
            .SkipWhile(key => !key.AsSpan().StartsWith(query.Prefix.Span))
            .TakeWhile(key => key.AsSpan().StartsWith(query.Prefix.Span))
            .Where(key => !_entries[key].IsExpired(now));
    }

    /// <summary>Returns the keys from the start of a page. Reading all keys for each page would be too slow in a large store.</summary>
    private SortedSet<byte[]> KeysFrom(ListQuery query)
    {
        byte[] from = KeyComparer.Instance.Compare(query.After.Span, query.Prefix.Span) >= 0
            ? query.After.ToArray()
            : query.Prefix.ToArray();
        return _order.Max is { } last && KeyComparer.Instance.Compare(from, last) <= 0 ? _order.GetViewBetween(from, last) : [];
    }

    /// <summary>Passes the result of a batch of one operation to the sink of a larger call.</summary>
    private sealed class OneResult(IResultSink results, int index) : IResultSink
    {
        public bool HasStopped { get; private set; }

        public bool OnResult(int _, in OperationResult result) => !(HasStopped = !results.OnResult(index, result));
    }

    private sealed record Entry(byte[] Value, long Version, long ExpiresAt)
    {
        public bool IsExpired(long now) => IsExpired(ExpiresAt, now);

        public static bool IsExpired(long expiresAt, long now) => expiresAt != Operation.Never && expiresAt <= now;
    }
}
