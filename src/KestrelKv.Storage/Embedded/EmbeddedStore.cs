using System.Buffers;
using KestrelKv.Storage.Durability;

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
public sealed partial class EmbeddedStore : IKeyValueStore, IDisposable
{
    private const int GroupOperations = 64;

    /// <summary>What is needed is not memory, but that the log is ready.</summary>
    private const long SpaceInLog = -1;

    /// <summary>How many expired entries of a shard are removed before its lock is given to others.</summary>
    private const int SweepRemovalsMax = 100;

    /// <summary>After so many rounds the other shards have their turn.</summary>
    private const int SweepRoundsMax = 1_000;

    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    private readonly SlabPool _slabs = new();
    private readonly Shard[] _shards = new Shard[1 << Shard.ShardBits];
    private readonly StoreClock _clock;
    private readonly bool _evicts;
    private readonly MemoryRoom? _room;
    private readonly ITimer _sweeper;
    private readonly Lock _sweeping = new();
    private long _refusals;
    private bool _disposed;

    /// <summary>An empty store.</summary>
    /// <param name="time">The clock that expiry goes by.</param>
    /// <param name="options">By default, what they are by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The limit of memory is out of its range.</exception>
    public EmbeddedStore(TimeProvider time, EmbeddedStoreOptions? options = null)
    {
        _clock = new StoreClock(time);
        _commits = new VersionCounter();
        _feedMemoryBytes = (options ?? new()).FeedMemoryBytes;
        MemoryLimit? limit = null;
        if (options is { MemoryBytesMax: not 0 })
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(options.MemoryBytesMax, EmbeddedStoreOptions.MemoryBytesMaxMin, nameof(options));
            limit = new MemoryLimit(options.MemoryBytesMax);
            _evicts = options.Eviction == EvictionPolicy.Lru;
            _room = new MemoryRoom(_shards, limit, _clock, _evicts);
        }
        for (int i = 0; i < _shards.Length; i++) _shards[i] = new Shard(_slabs, _clock, _commits, limit, _evicts);
        limit?.SetEmpty();
        _sweeper = time.CreateTimer(static store => ((EmbeddedStore)store!).Sweep(), this, SweepPeriod, SweepPeriod);
    }

    /// <summary>Gives all memory back. No call may be under way, and none may follow.</summary>
    public void Dispose()
    {
        _sweeper.Dispose();
        _feed?.Dispose();
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
        if (_log is { } log && LargestCommit(operations.Span) is > 0 and long bytes && log.WhenReady(bytes) is { } ready)
            return ExecuteAsync(ready, operations, 0, 0, results, cancellationToken);

        long seen = 0;
        int executed = Execute(operations.Span, 0, results, ref seen, out bool logIsReady);
        return logIsReady
            ? WhenTellable(executed, seen, cancellationToken)
            : ExecuteAsync(null, operations, executed, seen, results, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId = default,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_log is { } log && CommitBytes(batch.Span) is > 0 and long bytes && log.WhenReady(bytes) is { } ready)
            return CommitAsync(ready, batch, results, cancellationToken);

        bool committed = Commit(batch.Span, results, out long seen, out bool logIsReady);
        return logIsReady ? WhenTellable(committed, seen, cancellationToken) : CommitAsync(null, batch, results, cancellationToken);
    }

    /// <summary>Executes operations from one on, as far as the log is ready for them.</summary>
    /// <returns>How many have been executed, with those before.</returns>
    private int Execute(ReadOnlySpan<Operation> operations, int from, IResultSink results, ref long seen, out bool logIsReady)
    {
        logIsReady = true;
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        for (int start = from; start < operations.Length; start += GroupOperations)
        {
            ReadOnlySpan<Operation> group = operations[start..Math.Min(start + GroupOperations, operations.Length)];
            if (_evicts) _clock.RefreshUseTime();
            Fetch(group, hashes);
            for (int i = 0; i < group.Length; i++)
            {
                bool goOn = Execute(group[i], hashes[i], start + i, results, ref seen, out logIsReady);
                if (!logIsReady) return start + i;
                if (!goOn) return start + i + 1;
            }
        }
        return operations.Length;
    }

    private bool Commit(ReadOnlySpan<Operation> span, IResultSink results, out long seen, out bool logIsReady)
    {
        seen = 0;
        logIsReady = true;
        ulong[] rented = ArrayPool<ulong>.Shared.Rent(span.Length);
        Span<ulong> hashes = rented.AsSpan(0, span.Length);
        uint shards = 0;
        for (int i = 0; i < span.Length; i++)
        {
            hashes[i] = KeyHash.Of(span[i].Key.Span);
            shards |= 1u << Shard.IndexOf(hashes[i]);
        }

        if (_evicts) _clock.RefreshUseTime();
        long reservedBytes = 0;
        try
        {
            while (true)
            {
                bool committed;
                long neededBytes;
                int largestIndex;
                EnterAll(shards);
                try
                {
                    committed = Commit(span, hashes, results, reservedBytes, ref seen, out neededBytes, out largestIndex);
                }
                finally
                {
                    ExitAll(shards);
                }
                logIsReady = neededBytes != SpaceInLog;
                if (neededBytes == 0 || !logIsReady) return committed;
                if (_room!.TryMake(neededBytes, ref reservedBytes)) continue;
                results.OnResult(largestIndex, RefusedForMemory());
                return false;
            }
        }
        finally
        {
            _room?.GiveBack(reservedBytes);
            ArrayPool<ulong>.Shared.Return(rented);
        }
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
        return new(keys, bytes, _commits.Last)
        {
            MemoryBytes = memory,
            MemoryBytesMax = _room?.BytesMax ?? 0,
            Expirations = expirations,
            Evictions = evictions,
            Refusals = Volatile.Read(ref _refusals),
            DurableVersion = _log?.DurableVersion ?? _commits.Last,
            OldestVersion = _feed?.OldestVersion ?? _commits.Last + 1,
            Watches = _feed?.Watches ?? 0,
        };
    }

    // Without an expiry no time is asked for, which would take longer than all the rest.
    private bool HasExpired(Entry entry) => entry.Exists && entry.Expires && entry.IsExpired(_clock.Now());

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

    private bool Execute(in Operation operation, ulong hash, int index, IResultSink results, ref long seen, out bool logIsReady)
    {
        Shard shard = ShardOf(hash);
        bool goOn;
        long neededBytes;
        shard.Enter();
        try
        {
            goOn = Execute(shard, operation, hash, index, results, reservedBytes: 0, ref seen, out neededBytes);
        }
        finally
        {
            shard.Exit();
        }
        logIsReady = neededBytes != SpaceInLog;
        return neededBytes == 0 || !logIsReady
            ? goOn
            : ExecuteWithRoom(shard, operation, hash, index, results, neededBytes, ref seen, out logIsReady);
    }

    /// <summary>Makes room for an operation that lacks it, and executes it then.</summary>
    private bool ExecuteWithRoom(
        Shard shard, in Operation operation, ulong hash, int index, IResultSink results, long neededBytes, ref long seen,
        out bool logIsReady)
    {
        logIsReady = true;
        long reservedBytes = 0;
        try
        {
            while (_room!.TryMake(neededBytes, ref reservedBytes))
            {
                shard.Enter();
                try
                {
                    bool goOn = Execute(shard, operation, hash, index, results, reservedBytes, ref seen, out neededBytes);
                    logIsReady = neededBytes != SpaceInLog;
                    if (neededBytes == 0 || !logIsReady) return goOn;
                }
                finally
                {
                    shard.Exit();
                }
            }
            return results.OnResult(index, RefusedForMemory());
        }
        finally
        {
            _room!.GiveBack(reservedBytes);
        }
    }

    /// <summary>
    /// Under the shard's lock. Where it needs more memory than there is, does nothing but tell how much; where the log is
    /// not ready for it, nothing but tell so (<see cref="SpaceInLog"/>).
    /// </summary>
    private bool Execute(
        Shard shard, in Operation operation, ulong hash, int index, IResultSink results, long reservedBytes,
        ref long seen, out long neededBytes)
    {
        neededBytes = 0;
        Entry entry = shard.Find(operation.Key.Span, hash, out int slot);
        long lastChange = entry.Exists ? entry.Version : shard.LastRemoval;
        if (HasExpired(entry))
        {
            if (operation.IsWrite && shard.TryRemoveExpired(entry, slot, hash)) lastChange = shard.LastRemoval;
            entry = default;
        }
        long version = entry.Exists ? entry.Version : 0;
        bool holds = operation.Precondition.Holds(version);
        if (!holds || !operation.Changes(entry.Exists))
        {
            if (!MayTell(operation, lastChange, ref seen)) return results.OnResult(index, RefusedForDisk(CommitStatus.DiskFailed));
            return results.OnResult(index, holds ? Read(shard, operation, entry) : Refused(version));
        }

        if (_log?.Failure is not null) return results.OnResult(index, RefusedForDisk(CommitStatus.DiskFailed));
        if (_room is not null && !_room.HasRoomFor(shard, operation, entry, reservedBytes, out neededBytes)) return false;
        CommitStatus status = _commits.TryCommit(Record.Of(operation), out long next);
        if (status == CommitStatus.Unready)
        {
            neededBytes = SpaceInLog;
            return false;
        }
        if (status != CommitStatus.Done) return results.OnResult(index, RefusedForDisk(status));
        if (!operation.AcknowledgeFromMemory) seen = Math.Max(seen, next);
        return results.OnResult(index, Write(shard, operation, hash, entry, slot, next));
    }

    /// <summary>
    /// Under the locks of all shards concerned. Where it needs more memory than there is, does nothing but tell how much;
    /// where the log is not ready for it, nothing but tell so (<see cref="SpaceInLog"/>).
    /// </summary>
    private bool Commit(
        ReadOnlySpan<Operation> batch, ReadOnlySpan<ulong> hashes, IResultSink results, long reservedBytes,
        ref long seen, out long neededBytes, out int largestIndex)
    {
        neededBytes = largestIndex = 0;
        long now = _clock.Now();
        for (int i = 0; i < batch.Length; i++)
        {
            if (!batch[i].IsWrite) continue;
            Shard shard = ShardOf(hashes[i]);
            Entry entry = shard.Find(batch[i].Key.Span, hashes[i], out int slot);
            if (entry.Exists && entry.IsExpired(now)) shard.TryRemoveExpired(entry, slot, hashes[i]);
        }

        // A batch that is refused, or only reads, tells what the last changes of its keys were.
        long lastChange = 0, version = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            Entry entry = ShardOf(hashes[i]).Find(batch[i].Key.Span, hashes[i], out _);
            lastChange = Math.Max(lastChange, entry.Exists ? entry.Version : ShardOf(hashes[i]).LastRemoval);
        }
        if (!MayTell(lastChange, ref seen)) return RefuseForDisk(CommitStatus.DiskFailed, results);

        using var rehearsal = new BatchRehearsal(batch, hashes);
        for (bool counted = false; !counted;)
        {
            long next = _commits.Last + 1;
            rehearsal.Play(_shards, now, next);
            if (rehearsal.RefusedIndex >= 0)
            {
                results.OnResult(rehearsal.RefusedIndex, Refused(rehearsal.RefusedVersion));
                return false;
            }
            if (_room is not null && !_room.HasRoomFor(rehearsal.GrowthBytes, rehearsal.WrittenBytes, reservedBytes, out neededBytes))
            {
                largestIndex = rehearsal.LargestIndex;
                for (int i = 0; i < batch.Length; i++)
                    if (ShardOf(hashes[i]).Find(batch[i].Key.Span, hashes[i], out _) is { Exists: true } entry) ShardOf(hashes[i]).Touch(entry);
                return false;
            }

            // Where a precondition was held against the version that the batch is to have, it must really get that one.
            if (!rehearsal.Changes) break;
            CommitStatus status = _commits.TryCommit(batch, rehearsal.Changing, rehearsal.PinsItsVersion ? next : 0, out version);
            if (status == CommitStatus.Unready)
            {
                neededBytes = SpaceInLog;
                return false;
            }
            if (status is CommitStatus.DiskFull or CommitStatus.DiskFailed) return RefuseForDisk(status, results);
            counted = status == CommitStatus.Done;
        }
        seen = Math.Max(seen, version);

        for (int i = 0; i < batch.Length; i++)
        {
            Shard shard = ShardOf(hashes[i]);
            Entry entry = FindVisible(shard, batch[i].Key.Span, hashes[i], now, out int slot);
            results.OnResult(i, batch[i].Changes(entry.Exists) ? Write(shard, batch[i], hashes[i], entry, slot, version) : Read(shard, batch[i], entry));
        }
        return true;
    }

    private OperationResult RefusedForMemory()
    {
        Interlocked.Increment(ref _refusals);
        return new() { Status = ResultStatus.MemoryFull };
    }

    private static OperationResult RefusedForDisk(CommitStatus status) =>
        new() { Status = status == CommitStatus.DiskFull ? ResultStatus.DiskFull : ResultStatus.DiskFailed };

    private static bool RefuseForDisk(CommitStatus status, IResultSink results)
    {
        results.OnResult(0, RefusedForDisk(status));
        return false;
    }

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
                shard.Remove(entry, slot, hash, version);
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
            if (_disposed || _mustNotSweep) return;
            foreach (Shard shard in _shards) Sweep(shard, _clock.Now());
            if (_log is { HasQueued: true }) _log.Kick?.Invoke();
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
            // It must not fill the memory with what the disk has yet to take: the rest is for the next sweep.
            if (_log is { IsFarBehind: true }) return;

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
