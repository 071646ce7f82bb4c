using KestrelKv.Json;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Embedded;

/// <summary>The embedded engine: entries off the managed heap, in shards with one lock each, and one log of all commits.</summary>
/// <remarks>
/// <para>
/// A look-up in a large store costs two or three cache misses, and little else matters. So operations are executed in groups: the
/// slots of all keys of a group are loaded into the cache, then their entries, and then the operations run one by one and in order.
/// </para>
/// <para>
/// <b>Locks.</b> An operation holds the lock of its shard; an atomic batch holds those of all its keys, taken in the order of the
/// shards. Work that may take long (edits of long values, searches in them) runs on a copy without locks and is committed only if the
/// entry still has the version that was copied.
/// </para>
/// <para>
/// <b>Order of a write.</b> All memory is obtained (<see cref="Shard.Prepare"/>); the commit is written to the log; the sink gets the
/// result; the change is applied. Only the sink can fail after the commit, and the change is applied all the same.
/// </para>
/// <para>Operations on keys that exist allocate nothing on the managed heap; those that add a key allocate nothing on average.</para>
/// </remarks>
public sealed partial class EmbeddedStore : IKeyValueStore, IDisposable
{
    private readonly Keyspace _entries;
    private readonly ICommitLog _log;
    private readonly MemoryRoom? _room;
    private readonly Sweeper _sweeper;
    private readonly DocumentLimits _documents;
    private readonly TimeSpan _requestIdWindow;
    private readonly long _requestIdBytesMax;
    private long _refusals;

    /// <summary>Creates an empty store without a data directory.</summary>
    /// <param name="time">The clock that expiry goes by.</param>
    /// <param name="options">Memory limit, request ids, feed; the defaults if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The memory limit is out of its range.</exception>
    public EmbeddedStore(TimeProvider time, EmbeddedStoreOptions? options = null)
        : this(new Keyspace(time, options ??= new()), new InMemoryCommitLog(new ChangeFeed(options.FeedMemoryBytes), options.VersionsAfter), options, time)
    {
    }

    /// <param name="entries">The entries; owned by the store from now on.</param>
    /// <param name="log">The log of commits, which continues from the entries; owned by the store from now on.</param>
    /// <param name="options">Request ids and document limits.</param>
    /// <param name="time">Starts the sweeper's timer.</param>
    internal EmbeddedStore(Keyspace entries, ICommitLog log, EmbeddedStoreOptions options, TimeProvider time)
    {
        (_entries, _log) = (entries, log);
        (_documents, _requestIdWindow, _requestIdBytesMax) = (options.DocumentLimits, options.RequestIdWindow, options.RequestIdBytesMax);
        if (entries.Limit is { } limit) _room = new MemoryRoom(entries, limit, log);
        _sweeper = new Sweeper(entries, log, _room, time);
    }

    /// <inheritdoc/>
    public TimeProvider Clock => _entries.Clock;

    /// <summary>
    /// Frees all memory. Calls that hold a lock finish first; all later ones, and those that wait, throw
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        _sweeper.Dispose();
        _log.Close();
        _entries.Dispose();
    }

    /// <summary>Stops removing expired entries. To be called before the log is closed.</summary>
    internal void StopSweeping() => _sweeper.Dispose();

    /// <inheritdoc/>
    public IWatch Watch(WatchQuery query, Action wake) => _log.Watch(query, wake);

    /// <inheritdoc/>
    public StoreStats GetStats()
    {
        long keys = 0, bytes = 0, memory = 0, expirations = 0, evictions = 0, requestIds = 0;
        foreach (Shard shard in _entries.Shards)
        {
            shard.Enter();
            keys += shard.Count;
            bytes += shard.DataBytes;
            memory += shard.MemoryBytes;
            expirations += shard.Expirations;
            evictions += shard.Evictions;
            requestIds += shard.InternalCount;
            shard.Exit();
        }
        CommitLogStats log = _log.GetStats();
        return new(keys, bytes, _log.Last)
        {
            MemoryBytes = memory,
            MemoryBytesMax = _entries.Limit?.BytesMax ?? 0,
            Expirations = expirations,
            Evictions = evictions,
            Refusals = Volatile.Read(ref _refusals),
            RequestIds = requestIds,
            Durability = log.Mode,
            DurableVersion = log.DurableVersion,
            FeedVersion = log.FeedVersion,
            OldestVersion = log.OldestVersion,
            Watches = log.Watches,
        };
    }

    /// <summary>Sets the sweeper's timer if an entry expires before its next run. Without locks.</summary>
    private void WakeSweeper()
    {
        if (_entries.Clock.IsSweepWanted) _sweeper.Schedule();
    }

    // Reading the clock takes longer than the rest of an operation, and only entries with an expiry need it.
    private bool HasExpired(Entry entry) => entry.Exists && entry.Expires && entry.IsExpired(_entries.Clock.Now());

    /// <summary>Waits until a call's results may be shown.</summary>
    private ValueTask<int> WhenShown(int result, long seen, CancellationToken cancellationToken)
    {
        ValueTask<int> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }

    /// <inheritdoc cref="WhenShown(int, long, CancellationToken)"/>
    private ValueTask<bool> WhenShown(bool result, long seen, CancellationToken cancellationToken)
    {
        ValueTask<bool> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }
}
