using KestrelKv.Json;
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
    private readonly DocumentLimits _documents;
    private readonly TimeSpan _requestIdWindow;
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
        // Now and not at the first key: a type whose initializer has failed, for want of a file to load from, can never be used again.
        _ = KeyHash.Of([]);
        _clock = new StoreClock(time);
        _commits = new VersionCounter();
        options ??= new();
        (_documents, _requestIdWindow) = (options.DocumentLimits, options.RequestIdWindow);
        _feedMemoryBytes = options.FeedMemoryBytes;
        MemoryLimit? limit = null;
        if (options.MemoryBytesMax != 0)
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
        int executed = Execute(operations.Span, 0, results, ref seen, out Shortage shortage);
        return shortage.LogBytes == 0
            ? WhenTellable(executed, seen, cancellationToken)
            : ExecuteAsync(null, operations, executed, seen, results, cancellationToken);
    }

    /// <summary>Executes operations from one on, as far as the log is ready for them.</summary>
    /// <returns>How many have been executed, with those before.</returns>
    private int Execute(ReadOnlySpan<Operation> operations, int from, IResultSink results, ref long seen, out Shortage shortage)
    {
        shortage = default;
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        for (int start = from; start < operations.Length; start += GroupOperations)
        {
            ReadOnlySpan<Operation> group = operations[start..Math.Min(start + GroupOperations, operations.Length)];
            if (_evicts) _clock.RefreshUseTime();
            Fetch(group, hashes);
            for (int i = 0; i < group.Length; i++)
            {
                bool goOn = Execute(group[i], hashes[i], start + i, results, ref seen, out shortage);
                if (shortage.LogBytes > 0) return start + i;
                if (!goOn) return start + i + 1;
            }
        }
        return operations.Length;
    }

    /// <inheritdoc/>
    public StoreStats GetStats()
    {
        long keys = 0, bytes = 0, memory = 0, expirations = 0, evictions = 0, requestIds = 0;
        foreach (Shard shard in _shards)
        {
            shard.Enter();
            keys += shard.Count;
            bytes += shard.DataBytes;
            memory += shard.MemoryBytes;
            expirations += shard.Expirations;
            evictions += shard.Evictions;
            requestIds += shard.HiddenCount;
            shard.Exit();
        }
        return new(keys, bytes, _commits.Last)
        {
            MemoryBytes = memory,
            MemoryBytesMax = _room?.BytesMax ?? 0,
            Expirations = expirations,
            Evictions = evictions,
            Refusals = Volatile.Read(ref _refusals),
            RequestIds = requestIds,
            DurableVersion = _log?.DurableVersion ?? _commits.Last,
            FeedVersion = _feed?.Published ?? _commits.Last,
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

    private bool Execute(in Operation operation, ulong hash, int index, IResultSink results, ref long seen, out Shortage shortage)
    {
        Shard shard = ShardOf(hash);
        bool goOn;
        shard.Enter();
        try
        {
            goOn = Execute(shard, operation, hash, index, results, reservedBytes: 0, ref seen, out shortage);
        }
        finally
        {
            shard.Exit();
        }
        return shortage.MemoryBytes == 0 ? goOn : ExecuteWithRoom(shard, operation, hash, index, results, ref seen, ref shortage);
    }

    /// <summary>Makes room for an operation that lacks it, and executes it then.</summary>
    private bool ExecuteWithRoom(
        Shard shard, in Operation operation, ulong hash, int index, IResultSink results, ref long seen, ref Shortage shortage)
    {
        long reservedBytes = 0;
        try
        {
            while (_room!.TryMake(shortage.MemoryBytes, ref reservedBytes))
            {
                shard.Enter();
                try
                {
                    bool goOn = Execute(shard, operation, hash, index, results, reservedBytes, ref seen, out shortage);
                    if (shortage.MemoryBytes == 0) return goOn;
                }
                finally
                {
                    shard.Exit();
                }
            }
            shortage = default;
            return results.OnResult(index, RefusedForMemory());
        }
        finally
        {
            _room!.GiveBack(reservedBytes);
        }
    }

    /// <summary>Under the shard's lock. Where there is a shortage, does nothing but tell of it.</summary>
    private bool Execute(
        Shard shard, in Operation operation, ulong hash, int index, IResultSink results, long reservedBytes,
        ref long seen, out Shortage shortage)
    {
        shortage = default;
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

        return operation.IsEdit
            ? Edit(shard, operation, hash, entry, slot, index, results, reservedBytes, lastChange, ref seen, out shortage)
            : Write(shard, operation, default, hash, entry, slot, index, results, reservedBytes, ref seen, out shortage);
    }

    private bool Edit(
        Shard shard, in Operation edit, ulong hash, Entry entry, int slot, int index, IResultSink results, long reservedBytes,
        long lastChange, ref long seen, out Shortage shortage)
    {
        EditResult edited = EditedPut.OfThread.Resolve(
            edit, entry.Exists, entry.ValueIfAny, entry.ExpiryIfAny, _documents, out Operation put);
        if (edited.Status == EditStatus.Done)
            return Write(shard, put, edited, hash, entry, slot, index, results, reservedBytes, ref seen, out shortage);

        shortage = default;
        return results.OnResult(index, MayTell(edit, lastChange, ref seen)
            ? Refused(edited, entry.Exists ? entry.Version : 0)
            : RefusedForDisk(CommitStatus.DiskFailed));
    }

    private bool Write(
        Shard shard, in Operation write, in EditResult edited, ulong hash, Entry entry, int slot, int index, IResultSink results,
        long reservedBytes, ref long seen, out Shortage shortage)
    {
        shortage = default;
        if (_log?.Failure is not null) return results.OnResult(index, RefusedForDisk(CommitStatus.DiskFailed));
        if (_room is not null && !_room.HasRoomFor(shard, write, entry, reservedBytes, out long memoryBytes))
        {
            shortage = new(memoryBytes, 0);
            return false;
        }
        CommitStatus status = _commits.TryCommit(Record.Of(write), out long version);
        if (status == CommitStatus.Unready)
        {
            shortage = new(0, CommitBytes(write));
            return false;
        }
        if (status != CommitStatus.Done) return results.OnResult(index, RefusedForDisk(status));
        if (!write.AcknowledgeFromMemory) seen = Math.Max(seen, version);
        return results.OnResult(index, CarryOut(shard, write, edited, hash, entry, slot, version));
    }

    private OperationResult RefusedForMemory()
    {
        Interlocked.Increment(ref _refusals);
        return new() { Status = ResultStatus.MemoryFull };
    }

    private static OperationResult RefusedForDisk(CommitStatus status) =>
        new() { Status = status == CommitStatus.DiskFull ? ResultStatus.DiskFull : ResultStatus.DiskFailed };

    private static OperationResult Refused(long version) =>
        new() { Status = ResultStatus.PreconditionFailed, Version = version, PreviousVersion = version };

    private static OperationResult Refused(EditResult edit, long version) =>
        new() { Status = edit.Status.ToResult(), Version = version, PreviousVersion = version, Detail = edit.Detail };

    private static OperationResult Read(Shard shard, in Operation operation, Entry entry)
    {
        if (operation.IsWrite || !entry.Exists) return new() { Status = ResultStatus.NotFound };
        shard.Touch(entry);
        return Read(operation, entry.Version, entry.ExpiresAt, entry.Value);
    }

    /// <summary>What a get gives of an entry.</summary>
    internal static OperationResult Read(in Operation get, long version, long expiresAt, ReadOnlySpan<byte> value) =>
        get.Path.IsEmpty || JsonPointer.TryFind(value, get.Path.Span, out value)
            ? new() { Version = version, PreviousVersion = version, ExpiresAt = expiresAt, Value = value }
            : new() { Status = ResultStatus.PathNotFound, Version = version, PreviousVersion = version, ExpiresAt = expiresAt };

    private static OperationResult CarryOut(
        Shard shard, in Operation operation, in EditResult edit, ulong hash, Entry entry, int slot, long version)
    {
        var result = new OperationResult
        {
            Version = version,
            PreviousVersion = entry.Exists ? entry.Version : 0,
            ExpiresAt = operation.ExpiresAt,
            Value = edit.PartBytes == 0 ? default : operation.Value.Span.Slice(edit.PartStart, edit.PartBytes),
            OldValue = operation.ReturnsOld && entry.Exists ? EditedPut.OfThread.Keep(entry.Value) : default,
        };
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
}
