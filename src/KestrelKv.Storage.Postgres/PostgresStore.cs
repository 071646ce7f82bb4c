using KestrelKv.Storage.Postgres.Backups;
using KestrelKv.Storage.Postgres.Feed;
using KestrelKv.Storage.Postgres.Reading;
using KestrelKv.Storage.Postgres.Sessions;
using KestrelKv.Storage.Postgres.Writing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Postgres;

/// <summary>The store contract on a PostgreSQL database. Any number of servers ("doors") may open stores on one database.</summary>
/// <remarks>
/// <para>
/// <b>Limits.</b> A key has at most <see cref="KeyBytesMax"/> bytes. The keys and values of a call have at most
/// <see cref="CallBytesMax"/> bytes, and so have the stored values that a call with writes, or an atomic batch, reads. There is no
/// memory limit and no eviction.
/// </para>
/// <para>
/// <b>Failures.</b> Calls throw <see cref="StoreUnavailableException"/> and <see cref="OutcomeUnknownException"/>, never
/// <see cref="DurabilityLostException"/>.
/// </para>
/// <para>
/// <b>Versions</b> are dense and common to all doors. A restart does not raise them, because the database loses no acknowledged commit.
/// </para>
/// </remarks>
public sealed class PostgresStore : IKeyValueStore, IAsyncDisposable
{
    /// <summary>The maximum length of a key, in bytes. An entry of a B-tree has at most 2,704 bytes.</summary>
    public const int KeyBytesMax = 2_048;

    /// <summary>The maximum length of a value, in bytes: 128 MiB. Two of them must fit into a call.</summary>
    public const int ValueBytesMax = CallBytesMax / 2;

    /// <summary>The maximum size of the keys and values of a call: 256 MiB. PostgreSQL limits a statement to 1 GiB.</summary>
    public const int CallBytesMax = 256 * 1024 * 1024;

    private static readonly TimeSpan LatePeriod = TimeSpan.FromSeconds(1);

    private readonly PostgresStoreOptions _options;
    private readonly Door _door;
    private readonly ILogger _logger;
    private readonly PrimaryFinder _finder;
    private readonly SessionPool _sessions;
    private readonly SnapshotReader _snapshots;
    private readonly GroupWriter _writer;
    private readonly GroupLoop _writes;
    private readonly GroupLoop _reads;
    private readonly GroupLoop _unfencedReads;
    private readonly Listing _listing;
    private readonly Sweeper _sweeper;
    private readonly FeedReader _feed;
    private readonly PrimaryMonitor _monitor;
    private readonly HealthCheck _health;
    private readonly BackupWriter _backups;
    private readonly Timer _lateTimer;
    private int _isDisposed;

    /// <summary>Creates a store, which must be opened before its first call.</summary>
    /// <param name="options">The options.</param>
    /// <param name="time">The clock that determines expiry.</param>
    /// <param name="logger">The logger; null for none.</param>
    /// <param name="metrics">The metrics, for one store; null for a meter that the store creates.</param>
    /// <exception cref="ArgumentException">An option is invalid.</exception>
    public PostgresStore(PostgresStoreOptions options, TimeProvider time, ILogger? logger = null, PostgresMetrics? metrics = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _door = new Door(new DoorClock(time), _logger);
        _finder = new PrimaryFinder(HostList.Create(options), options.ConnectTimeout, _logger);
        _sessions = new SessionPool(_finder, _door, options, metrics ?? PostgresMetrics.Create());
        _snapshots = new SnapshotReader(_sessions, _door);
        _feed = new FeedReader(_snapshots, _door, options, _logger);
        _door.HistoryLost = _feed.EndWatches;
        _writer = new GroupWriter(_sessions, _door, options, _logger) { Committed = _feed.Wake };
        _writes = new GroupLoop(CreateWorkspace, _writer.ExecuteAsync);
        _reads = new GroupLoop(CreateWorkspace, new GroupReader(_snapshots, _door, options, _sessions.Metrics, isFenced: true).ExecuteAsync);
        _unfencedReads = new GroupLoop(CreateWorkspace, new GroupReader(_snapshots, _door, options, _sessions.Metrics, isFenced: false).ExecuteAsync);
        _listing = new Listing(_snapshots, _door, options);
        _sweeper = new Sweeper(_sessions, _door, _writer, _writes.Queue, options, _logger, time);
        _monitor = new PrimaryMonitor(_finder, options, _logger) { Surveyed = () => _health!.CheckAsync(CancellationToken.None) };
        _health = new HealthCheck(_finder, _monitor, _door, _snapshots, () => _writer.Failure);
        _backups = new BackupWriter(_sessions, _door, options);
        _lateTimer = new Timer(static store => ((PostgresStore)store!).FailLate(), this, LatePeriod, LatePeriod);
        _sessions.Metrics.Observe(_finder, _monitor, _health, _sessions, () => _feed.Lag);
    }

    /// <inheritdoc/>
    public TimeProvider Clock => _door.Clock;

    internal FeedReader Feed => _feed;

    /// <summary>The last background removal of expired entries.</summary>
    internal Task Sweeping => _sweeper.Sweeping;

    /// <inheritdoc cref="Sweeper.CleanAsync()"/>
    internal Task<bool> CleanAsync() => _sweeper.CleanAsync();

    /// <summary>Opens the store. Creates its tables, or upgrades those of an earlier version.</summary>
    /// <exception cref="UnsuitableDatabaseException">The database cannot hold the store.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer, or refuses the creation of the tables.</exception>
    public async Task OpenAsync()
    {
        await StoreOpening.PrepareAsync(_options, _door, _finder, _sessions, _snapshots);
        Log.Opened(_logger, _options.Schema, _door.Known.Version, _door.Known.Keys, _door.Id);
        _sweeper.Start();
        _monitor.Start();
    }

    /// <summary>Creates and opens a store.</summary>
    /// <inheritdoc cref="PostgresStore(PostgresStoreOptions, TimeProvider, ILogger?, PostgresMetrics?)"/>
    /// <inheritdoc cref="OpenAsync()"/>
    internal static async Task<PostgresStore> OpenAsync(
        PostgresStoreOptions options, TimeProvider time, ILogger? logger = null, PostgresMetrics? metrics = null)
    {
        var store = new PostgresStore(options, time, logger, metrics);
        try
        {
            await store.OpenAsync();
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Checks the database. Returns null if it acknowledged a fence within the last second, and its settings keep acknowledged writes;
    /// otherwise a sentence about what is wrong.
    /// </summary>
    /// <remarks>
    /// The sentence names one of these: no host answers or accepts writes; commits wait for a synchronous standby (the fence was not
    /// acknowledged in 2 seconds); the tables cannot be read, or write groups cannot begin; acknowledged commits were lost (until the store is
    /// opened again); a setting is unsafe. In the last two cases, calls are executed nevertheless. Concurrent callers share a check.
    /// </remarks>
    /// <param name="cancellationToken">Cancels the wait, not the check.</param>
    public Task<string?> CheckAsync(CancellationToken cancellationToken = default) => _health.CheckAsync(cancellationToken);

    /// <summary>
    /// Writes a backup, one fenced snapshot of the store, to a temporary file. Waits until the previous backup of this store is disposed
    /// of.
    /// </summary>
    /// <param name="isNeeded">Returns whether the file is needed. Receives the version of the snapshot.</param>
    /// <param name="cancellationToken">Cancels the backup.</param>
    /// <returns>The backup. The caller disposes of it.</returns>
    /// <exception cref="StoreUnavailableException">The database does not answer, or has failed.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public Task<PostgresBackup> OpenBackupAsync(Predicate<long> isNeeded, CancellationToken cancellationToken = default) =>
        _backups.OpenAsync(isNeeded, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (operations.IsEmpty) return 0;
        using var call = new OperationsCall(operations, results, isAtomic: false, default, _options.CallValueBytesMax, cancellationToken);
        return await RunAsync(call);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The keys and values of the batch exceed <see cref="CallBytesMax"/>.</exception>
    public async ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (batch.IsEmpty) return true;
        using var call = new OperationsCall(batch, results, isAtomic: true, requestId, _options.CallValueBytesMax, cancellationToken);
        return await RunAsync(call) != 0;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return await _listing.ListAsync(query, entries, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return await _listing.CountAsync(query, cancellationToken);
    }

    /// <inheritdoc/>
    public IWatch Watch(WatchQuery query, Action wake) => _feed.Watch(query, wake);

    /// <summary>
    /// Returns statistics as of the last trip to the database: this door's own commits are included, those of other doors once it has read
    /// one of them.
    /// </summary>
    public StoreStats GetStats()
    {
        CommitRow known = _door.Known;
        return new(known.Keys, known.Bytes, known.Version)
        {
            Durability = DurabilityMode.Always,
            DurableVersion = known.Version,
            FeedVersion = known.Version,
            OldestVersion = _door.OldestVersion,
            RequestIds = known.RequestIds,
            Expirations = _writer.Expirations,
            Watches = _feed.Watches,
        };
    }

    /// <summary>Executes the queued calls, and closes the store. The database remains.</summary>
    /// <remarks>
    /// If the database does not answer, this takes no longer than a group and the calls queued behind it:
    /// <see cref="PostgresStoreOptions.ResolveTimeout"/>, four times <see cref="PostgresStoreOptions.RequestTimeout"/>, and a few seconds.
    /// </remarks>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        Task[] ending =
        [
            _sweeper.DisposeAsync().AsTask(), _feed.DisposeAsync().AsTask(), _writes.DisposeAsync().AsTask(),
            _reads.DisposeAsync().AsTask(), _unfencedReads.DisposeAsync().AsTask(),
        ];
        await Task.WhenAll(ending);

        // Until then, it fails calls that are queued behind a group whose trip does not end.
        await _lateTimer.DisposeAsync();
        await _monitor.DisposeAsync();
        await _sessions.DisposeAsync();
    }

    private Workspace CreateWorkspace() => new(_options);

    private Task<int> RunAsync(OperationsCall call)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(call.KeyBytesMax, KeyBytesMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(call.Bytes, CallBytesMax);
        CallQueue queue = call.IsWrite ? _writes.Queue : call.IsFenced ? _reads.Queue : _unfencedReads.Queue;
        queue.Add(call);
        return call.Completion;
    }

    private void FailLate()
    {
        long queuedBefore = Environment.TickCount64 - (long)_options.RequestTimeout.TotalMilliseconds;
        _writes.Queue.FailLate(queuedBefore);
        _reads.Queue.FailLate(queuedBefore);
        _unfencedReads.Queue.FailLate(queuedBefore);
    }
}
