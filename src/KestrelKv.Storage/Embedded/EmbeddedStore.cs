using KestrelKv.Json;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Embedded;

/// <summary>The embedded engine: entries outside the managed heap, in shards with one lock each, and one commit log.</summary>
/// <remarks>
/// <para>
/// Two or three cache misses dominate the cost of a look-up in a large store. Operations are therefore executed in groups: the index
/// slots of all keys of a group are prefetched, then their entries. Then the operations run in order.
/// </para>
/// <para>
/// <b>Locks.</b> An operation holds the lock of its shard. An atomic batch holds the locks of all its keys, acquired in shard order.
/// Long work (edits of long values, searches in them) runs on a copy without locks. It is committed only if the entry still has the
/// version that was copied.
/// </para>
/// <para>
/// <b>Order of a write.</b> All memory is allocated (<see cref="Shard.Prepare"/>). The commit is written to the log. The sink receives the
/// result. The change is applied. After the commit only the sink can fail, and the change is applied even then.
/// </para>
/// <para>Operations on existing keys allocate nothing on the managed heap. Operations that add a key allocate nothing on average.</para>
/// </remarks>
public sealed partial class EmbeddedStore : IKeyValueStore, IDisposable
{
    private readonly Keyspace _entries;
    private readonly ICommitLog _log;
    private readonly MemoryReclaimer? _room;
    private readonly Sweeper _sweeper;
    private readonly DocumentLimits _documents;
    private readonly TimeSpan _requestIdWindow;
    private readonly long _requestIdBytesMax;
    private long _refusals;

    /// <summary>Creates an empty store without a data directory.</summary>
    /// <param name="time">The clock that determines expiry.</param>
    /// <param name="options">The memory limit and the options of request ids and the feed; the defaults if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The memory limit is out of range.</exception>
    public EmbeddedStore(TimeProvider time, EmbeddedStoreOptions? options = null)
        : this(
            new Keyspace(time, options ??= new()),
            new InMemoryCommitLog(new ChangeFeed(options.FeedMemoryBytes), options.VersionsAfter),
            options, time)
    {
    }

    /// <summary>Takes ownership of the entries and of the commit log, which continues from them.</summary>
    internal EmbeddedStore(Keyspace entries, ICommitLog log, EmbeddedStoreOptions options, TimeProvider time)
    {
        (_entries, _log) = (entries, log);
        (_documents, _requestIdWindow, _requestIdBytesMax) = (options.DocumentLimits, options.RequestIdWindow, options.RequestIdBytesMax);
        if (entries.Limit is { } limit) _room = new MemoryReclaimer(entries, limit, log);
        _sweeper = new Sweeper(entries, log, _room, time);
    }

    /// <inheritdoc/>
    public TimeProvider Clock => _entries.Clock;

    /// <summary>
    /// Frees all memory. Calls that hold a lock finish first. Later calls, and calls that wait for a lock, throw
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        _sweeper.Dispose();
        _log.Close();
        _entries.Dispose();
    }

    /// <summary>Stops the removal of expired entries. Must be called before the log is closed.</summary>
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
            Evicts = _entries.Evicts,
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

    /// <summary>Resets the sweeper's timer if an entry expires before its next run. Must be called without locks.</summary>
    private void WakeSweeper()
    {
        if (_entries.Clock.IsSweepWanted) _sweeper.Schedule();
    }

    // Reading the clock costs more than the rest of an operation. Only entries with an expiry need it.
    private bool HasExpired(Entry entry) => entry.Exists && entry.Expires && entry.IsExpired(_entries.Clock.Now());

    /// <summary>Completes with a result when every version that it depends on is durable.</summary>
    private ValueTask<int> WhenDurable(int result, long seen, CancellationToken cancellationToken)
    {
        ValueTask<int> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }

    /// <inheritdoc cref="WhenDurable(int, long, CancellationToken)"/>
    private ValueTask<bool> WhenDurable(bool result, long seen, CancellationToken cancellationToken)
    {
        ValueTask<bool> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }
}
