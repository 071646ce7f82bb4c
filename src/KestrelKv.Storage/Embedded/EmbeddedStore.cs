using System.Buffers;
using System.Diagnostics.CodeAnalysis;

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
    private const int GroupOperations = 64;

    /// <summary>
    /// At how many places an entry to evict is looked for: so shards and segments that have more, and older, entries
    /// than others give more.
    /// </summary>
    private const int EvictionPlaces = 4;

    /// <summary>How many expired entries of a shard are removed before its lock is given to others.</summary>
    private const int SweepRemovalsMax = 100;

    /// <summary>After so many rounds the other shards have their turn.</summary>
    private const int SweepRoundsMax = 1_000;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    private readonly SlabPool _slabs = new();
    private readonly Shard[] _shards = new Shard[1 << Shard.ShardBits];
    private readonly VersionCounter _versions = new();
    private readonly StoreClock _clock;
    private readonly MemoryLimit? _limit;
    private readonly long _memoryBytesMax;
    private readonly bool _evicts;
    private readonly ITimer _sweeper;
    private readonly Lock _sweeping = new();
    private bool _disposed;

    /// <summary>An empty store.</summary>
    /// <param name="time">The clock that expiry goes by.</param>
    /// <param name="options">By default, what they are by default.</param>
    public EmbeddedStore(TimeProvider time, EmbeddedStoreOptions? options = null)
    {
        _clock = new StoreClock(time);
        _memoryBytesMax = options?.MemoryBytesMax ?? 0;
        if (_memoryBytesMax > 0) _limit = new MemoryLimit(_memoryBytesMax);
        _evicts = _limit is not null && options!.Eviction == EvictionPolicy.Lru;
        for (int i = 0; i < _shards.Length; i++) _shards[i] = new Shard(_slabs, _clock, _versions, _limit, _evicts);
        _limit?.SetEmpty();
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
            if (_evicts) _clock.RefreshUse();
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
        ulong[] rented = ArrayPool<ulong>.Shared.Rent(span.Length);
        Span<ulong> hashes = rented.AsSpan(0, span.Length);
        uint shards = 0;
        for (int i = 0; i < span.Length; i++)
        {
            hashes[i] = HashOf(span[i]);
            shards |= 1u << Shard.IndexOf(hashes[i]);
        }

        if (_evicts) _clock.RefreshUse();
        try
        {
            while (true)
            {
                bool committed;
                long lacking;
                int largest;
                EnterAll(shards);
                try
                {
                    committed = Commit(span, hashes, results, out lacking, out largest);
                }
                finally
                {
                    ExitAll(shards);
                }
                if (lacking == 0) return new(committed);
                if (TryMakeRoom(lacking)) continue;
                results.OnResult(largest, new() { Status = ResultStatus.MemoryFull });
                return new(false);
            }
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(rented);
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
        long keys = 0, bytes = 0, memory = 0, expirations = 0, evictions = 0;
        foreach (Shard shard in _shards)
        {
            shard.Enter();
            keys += shard.Count;
            bytes += shard.DataBytes;
            memory += shard.MemoryBytes;
            expirations += shard.Expirations;
            evictions += shard.Evictions;
            shard.Exit();
        }
        return new(keys, bytes, _versions.Last)
        {
            MemoryBytes = memory,
            MemoryBytesMax = _memoryBytesMax,
            Expirations = expirations,
            Evictions = evictions,
        };
    }

    private bool HasExpired(Entry entry) => entry.Exists && entry.Expires && entry.IsExpired(_clock.Now());

    private Shard ShardOf(ulong hash) => _shards[Shard.IndexOf(hash)];

    private static ulong HashOf(in Operation operation)
    {
        ReadOnlySpan<byte> key = operation.Key.Span;
        if (key.Length is 0 or > Entry.KeyBytesMax) ThrowForKey(key.Length);
        return KeyHash.Of(key);
    }

    // Inlined, the text would cost each call the room for it.
    [DoesNotReturn]
    private static void ThrowForKey(int keyBytes) => throw new ArgumentOutOfRangeException(
        nameof(keyBytes), $"a key has {keyBytes} bytes, expected 1 to {Entry.KeyBytesMax}");

    /// <summary>Hashes the keys of a group and has all that their look-ups read on its way from memory.</summary>
    private void Fetch(ReadOnlySpan<Operation> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = HashOf(group[i]);
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
        while (true)
        {
            bool goOn;
            long lacking;
            Shard shard = ShardOf(hash);
            shard.Enter();
            try
            {
                goOn = Execute(shard, operation, hash, index, results, out lacking);
            }
            finally
            {
                shard.Exit();
            }
            if (lacking == 0) return goOn;
            if (!TryMakeRoom(lacking)) return results.OnResult(index, new() { Status = ResultStatus.MemoryFull });
        }
    }

    /// <summary>Under the shard's lock. Does nothing where the operation lacks memory.</summary>
    private bool Execute(Shard shard, in Operation operation, ulong hash, int index, IResultSink results, out long lacking)
    {
        lacking = 0;
        Entry entry = shard.Find(operation.Key.Span, hash, out int slot);
        if (HasExpired(entry))
        {
            if (operation.IsWrite) shard.RemoveExpired(entry, slot, hash);
            entry = default;
        }
        long version = entry.Exists ? entry.Version : 0;
        if (!operation.Precondition.Holds(version)) return results.OnResult(index, Refused(version));
        if (!Changes(operation, entry)) return results.OnResult(index, Read(shard, operation, entry));
        if (_limit is not null && !HasRoomFor(shard, operation, entry, out lacking)) return false;
        return results.OnResult(index, Write(shard, operation, hash, entry, slot, _versions.Next()));
    }

    /// <summary>Under the locks of all shards concerned. Does nothing where the batch lacks memory.</summary>
    private bool Commit(ReadOnlySpan<Operation> batch, ReadOnlySpan<ulong> hashes, IResultSink results, out long lacking, out int largest)
    {
        lacking = largest = 0;
        long now = _clock.Now();
        for (int i = 0; i < batch.Length; i++)
        {
            if (!batch[i].IsWrite) continue;
            Shard shard = ShardOf(hashes[i]);
            Entry entry = shard.Find(batch[i].Key.Span, hashes[i], out int slot);
            if (entry.Exists && entry.IsExpired(now)) shard.RemoveExpired(entry, slot, hashes[i]);
        }

        long version = 0;
        using var rehearsal = new BatchRehearsal(batch, hashes);
        for (bool counted = false; !counted;)
        {
            long next = _versions.Last + 1;
            rehearsal.Play(_shards, now, next);
            if (rehearsal.Refused >= 0)
            {
                results.OnResult(rehearsal.Refused, Refused(rehearsal.RefusedVersion));
                return false;
            }
            if (rehearsal.Growth > 0 && _limit is { } limit && !limit.HasRoomFor(rehearsal.Growth))
            {
                (lacking, largest) = (rehearsal.Growth, rehearsal.GrowsMost);
                return false;
            }

            // Where a precondition was held against the version that the batch is to have, it must really get that one.
            if (!rehearsal.Changes) break;
            version = rehearsal.AsksForNext ? next : _versions.Next();
            counted = !rehearsal.AsksForNext || _versions.TryTake(next);
        }

        for (int i = 0; i < batch.Length; i++)
        {
            Shard shard = ShardOf(hashes[i]);
            Entry entry = FindVisible(shard, batch[i].Key.Span, hashes[i], now, out int slot);
            results.OnResult(i, Changes(batch[i], entry) ? Write(shard, batch[i], hashes[i], entry, slot, version) : Read(shard, batch[i], entry));
        }
        return true;
    }

    /// <summary>Whether there is memory for a write; if not, tells how much it asks for.</summary>
    private bool HasRoomFor(Shard shard, in Operation operation, Entry entry, out long lacking)
    {
        lacking = 0;
        if (operation.Kind == OperationKind.Delete) return true;
        int valueBytes = operation.Kind == OperationKind.Put ? operation.Value.Length : entry.Value.Length;
        long growth = shard.BlockBytes(operation.Key.Length, valueBytes, operation.ExpiresAt) - (entry.Exists ? Shard.BlockBytes(entry) : 0);
        if (growth <= 0 || _limit!.HasRoomFor(growth)) return true;
        lacking = growth;
        return false;
    }

    /// <summary>Evicts until there is memory for so many more bytes. Without any lock.</summary>
    private bool TryMakeRoom(long bytes)
    {
        if (!_evicts || !_limit!.AllowsEver(bytes)) return false;
        while (!_limit.HasRoomFor(bytes))
            if (!TryEvict()) return false;
        return true;
    }

    /// <summary>
    /// Evicts an entry that was used long ago: it looks at a few at each of several places, and so at 16 in all. Redis
    /// looks at 5, and says that 10 come very close to all. What has expired goes first. False if the store is empty.
    /// </summary>
    private bool TryEvict()
    {
        uint best = 0, most = 0;
        for (int i = 0; i < EvictionPlaces; i++)
        {
            uint place = (uint)Random.Shared.Next();
            Shard shard = _shards[place % _shards.Length];
            shard.Enter();
            try
            {
                if (shard.TryRemoveExpired(_clock.Now())) return true;
                if (shard.TryFindOldest(place, out _, out uint age) && age >= most) (best, most) = (place, age);
            }
            finally
            {
                shard.Exit();
            }
        }

        // Others have had the lock since, or it was an empty shard: then the next one that has any.
        for (uint i = 0; i < _shards.Length; i++)
        {
            Shard shard = _shards[(best + i) % _shards.Length];
            shard.Enter();
            try
            {
                if (shard.TryEvict(best)) return true;
            }
            finally
            {
                shard.Exit();
            }
        }
        return false;
    }

    private static bool Changes(in Operation operation, Entry entry) =>
        operation.Kind == OperationKind.Put || (operation.IsWrite && entry.Exists);

    private static OperationResult Refused(long version) =>
        new() { Status = ResultStatus.PreconditionFailed, Version = version, PreviousVersion = version };

    private static OperationResult Read(Shard shard, in Operation operation, Entry entry)
    {
        if (operation.IsWrite || !entry.Exists) return new() { Status = ResultStatus.NotFound };
        shard.Touch(entry);
        return new() { Version = entry.Version, PreviousVersion = entry.Version, ExpiresAt = entry.ExpiresAt, Value = entry.Value };
    }

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

    private void Sweep()
    {
        // A sweep that takes longer than the period is not joined by another.
        if (!_sweeping.TryEnter()) return;
        try
        {
            if (!_disposed)
                foreach (Shard shard in _shards) Sweep(shard, _clock.Now());
        }
        finally
        {
            _sweeping.Exit();
        }
    }

    private static void Sweep(Shard shard, long now)
    {
        bool more = true;
        for (int round = 0; more && round < SweepRoundsMax; round++)
        {
            // Who waits for the lock is to have it in between.
            if (round > 0) Thread.Yield();
            shard.Enter();
            try
            {
                for (int i = 0; more && i < SweepRemovalsMax; i++) more = shard.TryRemoveExpired(now);
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
