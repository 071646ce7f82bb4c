using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Durability;

/// <summary>An open data directory: its store, the log threads, snapshots, backups and closing.</summary>
public sealed class DataDirectory : IAsyncDisposable
{
    /// <summary>The interval of the checks of the directory and the disk, and of whether a snapshot is due.</summary>
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(1);

    /// <summary>The interval of the checks while nothing is committed, so that an idle server rarely wakes.</summary>
    private static readonly TimeSpan IdleCheckPeriod = TimeSpan.FromSeconds(10);

    /// <summary>The delay after a failed snapshot.</summary>
    private static readonly TimeSpan SnapshotRetryTime = TimeSpan.FromMinutes(1);

    /// <summary>The interval at which a snapshot that waits for a sync checks whether the log lacks space.</summary>
    private static readonly TimeSpan SyncWaitTime = TimeSpan.FromMilliseconds(100);

    private readonly IDisk _disk;
    private readonly DataOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly DataEngine _engine;
    private readonly LogThread _thread;
    private readonly ITimer _check;
    private readonly SemaphoreSlim _snapshotting = new(1);
    private readonly CancellationTokenSource _closing = new();
    private DiskState _loggedDisk;
    private long _checkedCommit = -1;
    private int _isCheckIdle;
    private long _bytesAtSnapshot;
    private long _snapshotTriedAt;
    private long _snapshotFailures;
    private bool _snapshotFailed;
    private bool _isClosed;

    /// <summary>Opens the data directory of a disk. The new object owns the disk if the constructor succeeds.</summary>
    internal DataDirectory(
        IDisk disk, DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILogger logger, Action<TimeSpan>? onSync,
        CancellationToken cancellationToken)
    {
        (_disk, _options, _time, _logger) = (disk, data, time, logger);
        _engine = new DataEngine(disk, data, options, time, logger, onSync, feedThreads: null, cancellationToken);
        _bytesAtSnapshot = -_engine.Writer.LogBytes;
        _snapshotTriedAt = time.GetTimestamp();
        _thread = new LogThread(_engine.Log, _engine.Writer, _engine.Files, _engine.Signals, data.Durability, ResumeChecks);
        _check = time.CreateTimer(static directory => ((DataDirectory)directory!).Check(), this, CheckPeriod, Timeout.InfiniteTimeSpan);
        _thread.Start();
    }

    /// <summary>Opens a data directory, locks it against other processes, and recovers its store.</summary>
    /// <param name="data">The location of the directory, and the durability of writes.</param>
    /// <param name="options">The options of the store.</param>
    /// <param name="time">The clock of expiry and snapshots.</param>
    /// <param name="loggers">Creates the logger of recovery, snapshots and the state of the disk.</param>
    /// <param name="onSync">Receives the duration of each sync of the log; null for none. Must not block or throw.</param>
    /// <param name="cancellationToken">Cancels the recovery and leaves the files unchanged.</param>
    /// <exception cref="DataException">The directory cannot be used. Nothing was changed in it.</exception>
    public static DataDirectory Open(
        DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILoggerFactory loggers, Action<TimeSpan>? onSync = null,
        CancellationToken cancellationToken = default)
    {
        var disk = new FileDisk(data.Directory);
        try
        {
            return new(disk, data, options, time, loggers.CreateLogger<DataDirectory>(), onSync, cancellationToken);
        }
        catch (Exception e)
        {
            disk.Dispose();
            if (e is not (IOException or DataException)) throw;
            throw new DataException($"the data directory {Path.GetFullPath(data.Directory)} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The store. It is closed with the directory.</summary>
    public IKeyValueStore Store => _engine.Store;

    /// <summary>The time at which a write is acknowledged.</summary>
    public DurabilityMode Durability => _options.Durability;

    /// <summary>Returns current statistics. Cheap enough to call every second.</summary>
    public DurabilityStats GetStats()
    {
        (DiskState disk, string? error) = _engine.GetDiskState();
        return new()
        {
            Mode = _options.Durability,
            DurableVersion = _engine.Log.DurableVersion,
            Disk = disk,
            DiskError = error,
            Syncs = _engine.Writer.Syncs,
            CommitsSynced = _engine.Writer.CommitsSynced,
            LogBytes = _engine.Writer.LogBytes,
            HistoryBytes = _engine.History.HistoryBytes,
            LastSnapshot = _engine.Snapshots.Last,
            SnapshotFailures = Interlocked.Read(ref _snapshotFailures),
        };
    }

    /// <summary>Takes a snapshot while writes proceed. Waits first if another snapshot is being taken.</summary>
    /// <exception cref="IOException">The snapshot could not be written.</exception>
    public async Task<SnapshotInfo> SnapshotAsync(CancellationToken cancellationToken = default)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await _snapshotting.WaitAsync(linked.Token);
        try
        {
            // A dedicated thread, because a snapshot takes long and waits for the disk.
            return await Task.Factory.StartNew(
                () =>
                {
                    Libc.LowerPriority();
                    return TakeSnapshot(linked.Token);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            _snapshotting.Release();
        }
    }

    /// <summary>
    /// Opens the newest snapshot for reading. Takes a new one first if it lacks commits. The caller disposes of the stream.
    /// </summary>
    /// <exception cref="IOException">The snapshot could not be written or opened.</exception>
    public async Task<(SnapshotInfo Snapshot, Stream File)> OpenBackupAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            SnapshotInfo snapshot = _engine.Snapshots.Last is { } last && last.Version >= _engine.LastCommit
                ? last
                : await SnapshotAsync(cancellationToken);
            try
            {
                string path = ((FileDisk)_disk).PathOf(FileNames.OfSnapshot(snapshot.Version));
                var file = new FileStream(
                    path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, useAsync: true);
                return (snapshot, file);
            }
            catch (FileNotFoundException) when (_engine.Snapshots.Last != snapshot)
            {
                // A newer snapshot has just replaced this one.
            }
        }
    }

    /// <summary>Takes a last snapshot if it is configured, then closes the store and the files. Pending calls fail.</summary>
    /// <param name="cancellationToken">Cancels the snapshot, without loss of data.</param>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (_isClosed) return;
        try
        {
            if (_options.SnapshotOnStop && _engine.GetDiskState().Disk == DiskState.Ok && IsSnapshotBehind())
                await SnapshotAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Log.SnapshotCanceled(_logger);
        }
        catch (IOException)
        {
            // The failure is logged, and the log has all commits.
        }
        await DisposeAsync();
    }

    /// <summary>Closes the store and the files without a last snapshot, and frees all memory.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isClosed) return;
        _isClosed = true;
        await _check.DisposeAsync();
        await _closing.CancelAsync();
        await _snapshotting.WaitAsync();
        _engine.Store.StopSweeping();
        _engine.Log.StopCommits();
        _thread.Dispose();
        if (_engine.Log.DurableVersion < _engine.Log.Last)
        {
            Log.CommitsLost(_logger, _engine.Log.DurableVersion);
            _engine.Log.Fail(new IOException("the server stopped before the disk had space"));
        }
        _engine.Dispose();
        (_disk as IDisposable)?.Dispose();
        _closing.Dispose();
        _snapshotting.Dispose();
    }

    /// <inheritdoc cref="DataEngine.LastRecovered"/>
    internal long LastRecovered => _engine.LastRecovered;

    /// <inheritdoc cref="DataEngine.VerifyDirectory"/>
    internal void VerifyDirectory() => _engine.VerifyDirectory();

    private SnapshotInfo TakeSnapshot(CancellationToken cancellationToken)
    {
        long bytes = _engine.Writer.BytesWritten;
        _snapshotTriedAt = _time.GetTimestamp();
        try
        {
            SnapshotInfo snapshot = _engine.Snapshots.Take(SyncTo, cancellationToken);
            _bytesAtSnapshot = bytes;
            _snapshotFailed = false;
            Log.SnapshotTaken(_logger, snapshot.Version, snapshot.Bytes, snapshot.Duration.TotalSeconds);
            return snapshot;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever the exception, the log has all commits.
            Interlocked.Increment(ref _snapshotFailures);
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
            if (e is IOException) throw;
            throw new IOException(e.Message, e);
        }
    }

    private void SyncTo(long version)
    {
        _engine.Signals.RequestSync();
        Task synced = _engine.Log.WhenSynced(version).AsTask();
        try
        {
            // If the log lacks space, the snapshot is abandoned: it may use the space that the log needs.
            while (!synced.Wait(SyncWaitTime))
                if (_engine.Writer.FullReason is { } full) throw new DiskFullException(full);
        }
        catch (AggregateException e) when (e.InnerException is DurabilityLostException lost)
        {
            throw new IOException(lost.Message, lost);
        }
    }

    private void Check()
    {
        long commit = _engine.LastCommit;
        try
        {
            CheckDisk();
        }
        catch (Exception e)
        {
            // An unhandled exception would end the process. The next check follows anyway.
            Log.WatchFailed(_logger, e);
        }
        bool isIdle = commit == _checkedCommit;
        _checkedCommit = commit;
        _check.Change(isIdle ? IdleCheckPeriod : CheckPeriod, Timeout.InfiniteTimeSpan);
        if (!isIdle) return;

        // Either the log thread sees that the checks are idle, or this thread sees the commit.
        Interlocked.Exchange(ref _isCheckIdle, 1);
        if (_engine.LastCommit != commit) ResumeChecks();
    }

    /// <summary>Restores the short interval. Called by the log thread before it writes.</summary>
    private void ResumeChecks()
    {
        if (Volatile.Read(ref _isCheckIdle) != 0 && Interlocked.Exchange(ref _isCheckIdle, 0) != 0)
            _check.Change(CheckPeriod, Timeout.InfiniteTimeSpan);
    }

    private void CheckDisk()
    {
        VerifyDirectory();
        (DiskState disk, string? error) = _engine.GetDiskState();
        if (disk != _loggedDisk)
        {
            if (disk == DiskState.Failed) Log.DiskFailed(_logger, error!);
            else if (disk == DiskState.Full) Log.DiskFull(_logger, error!);
            else Log.DiskHasSpace(_logger);
            _loggedDisk = disk;
        }
        _engine.History.Trim();
        if (disk != DiskState.Failed && IsSnapshotDue()) _ = SnapshotWhenDueAsync();
    }

    private bool IsSnapshotBehind() => _engine.LastCommit > (_engine.Snapshots.Last?.Version ?? 0);

    private bool IsSnapshotDue()
    {
        TimeSpan sinceTried = _time.GetElapsedTime(_snapshotTriedAt);
        if (_snapshotting.CurrentCount == 0 || !IsSnapshotBehind()) return false;
        if (_snapshotFailed && sinceTried < SnapshotRetryTime) return false;
        if (_options.SnapshotInterval > TimeSpan.Zero && sinceTried >= _options.SnapshotInterval) return true;
        return _engine.Writer.BytesWritten - _bytesAtSnapshot >= Math.Max(_options.SnapshotLogBytes, _engine.Snapshots.Last?.Bytes ?? 0);
    }

    private async Task SnapshotWhenDueAsync()
    {
        try
        {
            await SnapshotAsync(_closing.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The failure is logged, or the directory is being closed.
        }
        catch (Exception e)
        {
            // Memory may have run out. The next attempt follows after the delay.
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
        }
    }
}
