using System.Buffers;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// The embedded engine: entries off the managed heap, found through a hash index, in shards with a lock each.
/// </summary>
/// <remarks>
/// <para>
/// A look-up in a large store costs two or three cache misses and nothing else matters much. So a batch is executed in
/// groups: all keys of a group are hashed and their slots fetched into the cache, then the entries that these point to,
/// and only then the operations are executed, one by one and in order.
/// </para>
/// <para>
/// Locks: an operation takes its shard's lock, an atomic batch those of all its keys, in the order of the shards. The
/// version is counted up under them, so that versions are in the order of commits for each key.
/// </para>
/// <para>No operation on a key that is there allocates on the managed heap, nor, by and large, does one that adds a key.</para>
/// </remarks>
public sealed class EmbeddedStore : IKeyValueStore, IDisposable
{
    private const int GroupOperations = 32;

    /// <summary>How many expired entries of a shard are removed before its lock is given to others.</summary>
    private const int SweepRemovalsMax = 100;

    /// <summary>After so many rounds the other shards have their turn.</summary>
    private const int SweepRoundsMax = 1_000;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    private readonly SlabPool _slabs = new();
    private readonly Shard[] _shards = new Shard[1 << Shard.ShardBits];
    private readonly TimeProvider _time;
    private readonly ITimer _sweeper;
    private readonly Lock _sweeping = new();
    private bool _disposed;
    private long _version;
    private long _latest;

    /// <summary>An empty store.</summary>
    /// <param name="time">The clock that expiry goes by.</param>
    public EmbeddedStore(TimeProvider time)
    {
        _time = time;
        for (int i = 0; i < _shards.Length; i++) _shards[i] = new Shard(_slabs);
        _sweeper = time.CreateTimer(static store => ((EmbeddedStore)store!).Sweep(), this, SweepPeriod, SweepPeriod);
    }

    /// <summary>Gives all memory back. No call may be under way, and none may follow.</summary>
    public void Dispose()
    {
        _sweeper.Dispose();
        lock (_sweeping)
        {
            if (_disposed) return;
            _disposed = true;
            foreach (Shard shard in _shards) shard.Dispose();
            _slabs.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ReadOnlySpan<Operation> span = operations.Span;
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        for (int start = 0; start < span.Length; start += GroupOperations)
        {
            ReadOnlySpan<Operation> group = span[start..Math.Min(start + GroupOperations, span.Length)];
            Fetch(group, hashes);
            for (int i = 0; i < group.Length; i++)
                if (!Execute(group[i], hashes[i], start + i, results)) return new(start + i + 1);
        }
        return new(span.Length);
    }

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ReadOnlySpan<Operation> span = batch.Span;
        ulong[] hashes = ArrayPool<ulong>.Shared.Rent(span.Length);
        uint shards = 0;
        for (int i = 0; i < span.Length; i++)
        {
            hashes[i] = KeyHash.Of(span[i].Key.Span);
            shards |= 1u << Shard.IndexOf(hashes[i]);
        }

        EnterAll(shards);
        try
        {
            return new(Commit(span, hashes, results, Now()));
        }
        finally
        {
            ExitAll(shards);
            ArrayPool<ulong>.Shared.Return(hashes);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        using var keys = new MergedKeys(_shards, query);
        Span<int> group = stackalloc int[GroupOperations];
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        int told = 0;
        bool stopped = false;

        // One key beyond the limit tells whether there are more.
        while (keys.Take(group[..(Math.Min(query.Limit - told, GroupOperations - 1) + 1)]) is > 0 and int count)
        {
            Fetch(keys, group[..count], hashes);
            for (int i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ReadOnlySpan<byte> key = keys[group[i]];
                Shard shard = ShardOf(hashes[i]);
                shard.Enter();
                try
                {
                    // The key may have gone since its shard gave it.
                    Entry entry = shard.Find(key, hashes[i], out _);
                    if (!entry.Exists || HasExpired(entry)) continue;
                    if (stopped || told == query.Limit) return new(true);

                    told++;
                    stopped = !entries.OnEntry(new EntryView
                    {
                        Key = key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                    });
                }
                finally
                {
                    shard.Exit();
                }
            }
        }
        return new(false);
    }

    /// <inheritdoc/>
    public StoreStats GetStats()
    {
        long keys = 0, bytes = 0, memory = 0;
        foreach (Shard shard in _shards)
        {
            shard.Enter();
            keys += shard.Count;
            bytes += shard.DataBytes;
            memory += shard.MemoryBytes;
            shard.Exit();
        }
        return new(keys, bytes, Volatile.Read(ref _version), memory);
    }

    /// <summary>
    /// The time, which never goes back, so that what has been seen to be gone stays gone. To be read under the lock of
    /// what is looked at.
    /// </summary>
    private long Now()
    {
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        for (long latest; (latest = Volatile.Read(ref _latest)) < now;)
            if (Interlocked.CompareExchange(ref _latest, now, latest) == latest) return now;
        return Volatile.Read(ref _latest);
    }

    private bool HasExpired(Entry entry) => entry.Exists && entry.Expires && entry.IsExpired(Now());

    private Shard ShardOf(ulong hash) => _shards[Shard.IndexOf(hash)];

    /// <summary>Hashes the keys of a group and has all that their look-ups read on its way from memory.</summary>
    private void Fetch(ReadOnlySpan<Operation> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(group[i].Key.Span);
            ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        FetchEntries(hashes[..group.Length]);
    }

    /// <inheritdoc cref="Fetch(ReadOnlySpan{Operation}, Span{ulong})"/>
    private void Fetch(MergedKeys keys, ReadOnlySpan<int> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(keys[group[i]]);
            ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        FetchEntries(hashes[..group.Length]);
    }

    private void FetchEntries(ReadOnlySpan<ulong> hashes)
    {
        if (hashes.Length == 1) return;
        foreach (ulong hash in hashes)
        {
            Shard shard = ShardOf(hash);
            shard.Enter();
            shard.PrefetchEntry(hash);
            shard.Exit();
        }
    }

    private bool Execute(in Operation operation, ulong hash, int index, IResultSink results)
    {
        Shard shard = ShardOf(hash);
        shard.Enter();
        try
        {
            Entry entry = shard.Find(operation.Key.Span, hash, out int slot);
            if (HasExpired(entry))
            {
                if (operation.IsWrite) RemoveExpired(shard, entry, slot, hash);
                entry = default;
            }
            long version = entry.Exists ? entry.Version : 0;
            OperationResult result =
                !operation.Precondition.Holds(version) ? Refused(version) :
                Changes(operation, entry) ? Write(shard, operation, hash, entry, slot, Interlocked.Increment(ref _version)) :
                Read(operation, entry);
            return results.OnResult(index, result);
        }
        finally
        {
            shard.Exit();
        }
    }

    private bool Commit(ReadOnlySpan<Operation> batch, ulong[] hashes, IResultSink results, long now)
    {
        for (int i = 0; i < batch.Length; i++)
        {
            if (!batch[i].IsWrite) continue;
            Shard shard = ShardOf(hashes[i]);
            Entry entry = shard.Find(batch[i].Key.Span, hashes[i], out int slot);
            if (entry.Exists && entry.IsExpired(now)) RemoveExpired(shard, entry, slot, hashes[i]);
        }

        long version = 0;
        for (bool counted = false; !counted;)
        {
            long next = Volatile.Read(ref _version) + 1;
            if (FirstRefused(batch, hashes, now, next, out bool changes, out bool asksForNext) is { } refused)
            {
                results.OnResult(refused.Index, Refused(refused.Version));
                return false;
            }

            // Where a precondition was held against the version that the batch is to have, it must really get that one.
            if (!changes) break;
            version = asksForNext ? next : Interlocked.Increment(ref _version);
            counted = !asksForNext || Interlocked.CompareExchange(ref _version, next, next - 1) == next - 1;
        }

        for (int i = 0; i < batch.Length; i++)
        {
            Shard shard = ShardOf(hashes[i]);
            Entry entry = FindVisible(shard, batch[i].Key.Span, hashes[i], now, out int slot);
            results.OnResult(i, Changes(batch[i], entry) ? Write(shard, batch[i], hashes[i], entry, slot, version) : Read(batch[i], entry));
        }
        return true;
    }

    /// <summary>
    /// Plays the batch through without touching the store: of each key that it has written so far, only the version
    /// that the entry would have matters.
    /// </summary>
    private (int Index, long Version)? FirstRefused(ReadOnlySpan<Operation> batch, ulong[] hashes, long now, long next, out bool changes, out bool asksForNext)
    {
        changes = asksForNext = false;
        var written = new Dictionary<byte[], long>(KeyComparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();
        for (int i = 0; i < batch.Length; i++)
        {
            ref readonly Operation operation = ref batch[i];
            ReadOnlySpan<byte> key = operation.Key.Span;
            if (written.TryGetValue(key, out long version)) asksForNext |= operation.Precondition.IsOnAVersion;
            else version = FindVisible(ShardOf(hashes[i]), key, hashes[i], now, out _) is { Exists: true } entry ? entry.Version : 0;

            if (!operation.Precondition.Holds(version)) return (i, version);
            if (operation.Kind == OperationKind.Put || (operation.IsWrite && version != 0))
            {
                changes = true;

                // An expiry that has passed takes the entry away from the operations after it.
                bool gone = operation.Kind == OperationKind.Delete || (operation.ExpiresAt != Operation.Never && operation.ExpiresAt <= now);
                written[key] = gone ? 0 : next;
            }
        }
        return null;
    }

    private static bool Changes(in Operation operation, Entry entry) =>
        operation.Kind == OperationKind.Put || (operation.IsWrite && entry.Exists);

    private static OperationResult Refused(long version) =>
        new() { Status = ResultStatus.PreconditionFailed, Version = version, PreviousVersion = version };

    private static OperationResult Read(in Operation operation, Entry entry) =>
        operation.IsWrite || !entry.Exists
            ? new() { Status = ResultStatus.NotFound }
            : new() { Version = entry.Version, PreviousVersion = entry.Version, ExpiresAt = entry.ExpiresAt, Value = entry.Value };

    private static OperationResult Write(Shard shard, in Operation operation, ulong hash, Entry entry, int slot, long version)
    {
        var result = new OperationResult { Version = version, PreviousVersion = entry.Exists ? entry.Version : 0 };
        switch (operation.Kind)
        {
            case OperationKind.Put when entry.Exists:
                shard.Overwrite(entry, slot, hash, operation.Value.Span, version, operation.ExpiresAt);
                break;
            case OperationKind.Put:
                // An entry that expired when it was written, by this very batch, is still there.
                Entry expired = shard.Find(operation.Key.Span, hash, out slot);
                if (expired.Exists) shard.Overwrite(expired, slot, hash, operation.Value.Span, version, operation.ExpiresAt);
                else shard.Add(operation.Key.Span, hash, operation.Value.Span, version, operation.ExpiresAt);
                break;
            case OperationKind.Delete:
                shard.Remove(entry, slot, hash);
                break;
            case OperationKind.Expire:
                shard.Overwrite(entry, slot, hash, entry.Value, version, operation.ExpiresAt);
                break;
        }
        return result;
    }

    private static Entry FindVisible(Shard shard, ReadOnlySpan<byte> key, ulong hash, long now, out int slot)
    {
        Entry entry = shard.Find(key, hash, out slot);
        return entry.Exists && entry.IsExpired(now) ? default : entry;
    }

    private void RemoveExpired(Shard shard, Entry entry, int slot, ulong hash)
    {
        Interlocked.Increment(ref _version);
        shard.Remove(entry, slot, hash);
    }

    private void Sweep()
    {
        // A sweep that takes longer than the period is not joined by another.
        if (!_sweeping.TryEnter()) return;
        try
        {
            if (!_disposed)
                foreach (Shard shard in _shards) Sweep(shard, Now());
        }
        finally
        {
            _sweeping.Exit();
        }
    }

    private void Sweep(Shard shard, long now)
    {
        bool more = true;
        for (int round = 0; more && round < SweepRoundsMax; round++)
        {
            // Who waits for the lock is to have it in between.
            if (round > 0) Thread.Yield();
            shard.Enter();
            try
            {
                for (int i = 0; more && i < SweepRemovalsMax; i++)
                {
                    more = shard.RemoveOneExpired(now);
                    if (more) Interlocked.Increment(ref _version);
                }
            }
            finally
            {
                shard.Exit();
            }
        }
    }

    private void EnterAll(uint shards)
    {
        for (int i = 0; i < _shards.Length; i++)
            if ((shards & (1u << i)) != 0) _shards[i].Enter();
    }

    private void ExitAll(uint shards)
    {
        for (int i = 0; i < _shards.Length; i++)
            if ((shards & (1u << i)) != 0) _shards[i].Exit();
    }
}
