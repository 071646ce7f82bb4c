using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Durability;

/// <summary>An open data directory: its store, the threads that write the log, snapshots, backups, and closing.</summary>
public sealed class DataDirectory : IAsyncDisposable
{
    /// <summary>How often the directory and the disk are checked, and whether a snapshot is due.</summary>
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(1);

    /// <summary>The same while nothing is committed, so that an idle server sleeps.</summary>
    private static readonly TimeSpan IdleCheckPeriod = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait after a failed snapshot.</summary>
    private static readonly TimeSpan SnapshotRetryTime = TimeSpan.FromMinutes(1);

    /// <summary>How often a snapshot that waits for a sync checks whether the log waits for space.</summary>
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

    /// <param name="disk">The directory; owned by this from now on, if it can be opened.</param>
    /// <param name="data">Durability, segments, snapshots.</param>
    /// <param name="options">The options of the store itself.</param>
    /// <param name="time">The clock that expiry and snapshots go by.</param>
    /// <param name="logger">Logs recovery, snapshots and the state of the disk.</param>
    /// <param name="onSync">Gets the duration of each sync of the log; null for none.</param>
    /// <param name="cancellationToken">Cancels the recovery.</param>
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

    /// <summary>Opens a data directory, which nobody else may have open, and recovers its store.</summary>
    /// <param name="data">Where the directory is, and how durable writes are.</param>
    /// <param name="options">The options of the store itself.</param>
    /// <param name="time">The clock that expiry and snapshots go by.</param>
    /// <param name="loggers">Log recovery, snapshots and the state of the disk.</param>
    /// <param name="onSync">Gets the duration of each sync of the log; null for none. Must not block or throw.</param>
    /// <param name="cancellationToken">Cancels the recovery; the files stay as they are.</param>
    /// <exception cref="DataException">The directory cannot be used; nothing was changed in it.</exception>
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
            throw new DataException($"the data directory {Path.GetFullPath(data.Directory)} can't be used: {e.Message}", e);
        }
    }

    /// <summary>The store, which is closed with the directory.</summary>
    public IKeyValueStore Store => _engine.Store;

    /// <summary>When a write is acknowledged.</summary>
    public DurabilityMode Durability => _options.Durability;

    /// <summary>Returns current figures. Cheap enough for every second.</summary>
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

    /// <summary>Takes a snapshot while writes proceed. If one is being taken, waits for its end first.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public async Task<SnapshotInfo> SnapshotAsync(CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await _snapshotting.WaitAsync(either.Token);
        try
        {
            // A thread of its own: it takes long, and waits for the disk.
            return await Task.Factory.StartNew(
                () =>
                {
                    Libc.StandBack();
                    return TakeSnapshot(either.Token);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            _snapshotting.Release();
        }
    }

    /// <summary>Opens the newest snapshot for reading, after taking one if it lacks commits. The caller disposes of the stream.</summary>
    /// <exception cref="IOException">It could not be written or opened.</exception>
    public async Task<(SnapshotInfo Snapshot, Stream File)> OpenBackupAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            SnapshotInfo snapshot = _engine.Snapshots.Last is { } last && last.Version >= _engine.LastCommit ? last : await SnapshotAsync(cancellationToken);
            try
            {
                string path = ((FileDisk)_disk).PathOf(FileNames.OfSnapshot(snapshot.Version));
                var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, useAsync: true);
                return (snapshot, file);
            }
            catch (FileNotFoundException) when (_engine.Snapshots.Last != snapshot)
            {
                // A newer snapshot has just replaced it.
            }
        }
    }

    /// <summary>Takes a last snapshot, if so configured, and closes store and files. Calls under way fail.</summary>
    /// <param name="cancellationToken">Cancels the snapshot; nothing is lost by that.</param>
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
            Log.SnapshotGivenUp(_logger);
        }
        catch (IOException)
        {
            // It is logged, and the log has all commits.
        }
        await DisposeAsync();
    }

    /// <summary>Closes store and files without a last snapshot, and frees all memory.</summary>
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
            _engine.Log.Fail(new IOException("the server stops before the disk has space"));
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
            // Whatever it is, the log has all commits.
            Interlocked.Increment(ref _snapshotFailures);
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
            if (e is IOException) throw;
            throw new IOException(e.Message, e);
        }
    }

    private void SyncTo(long version)
    {
        _engine.Signals.WantSync();
        Task synced = _engine.Log.WhenSynced(version).AsTask();
        try
        {
            // The snapshot may take the very space that the log lacks: then it is abandoned.
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
            // It would end the process. The next check follows.
            Log.WatchFailed(_logger, e);
        }
        bool isIdle = commit == _checkedCommit;
        _checkedCommit = commit;
        _check.Change(isIdle ? IdleCheckPeriod : CheckPeriod, Timeout.InfiniteTimeSpan);
        if (!isIdle) return;

        // Either the log's thread sees that the checks are idle, or this sees the commit.
        Interlocked.Exchange(ref _isCheckIdle, 1);
        if (_engine.LastCommit != commit) ResumeChecks();
    }

    /// <summary>Returns to the short period. Called by the log's thread before it writes.</summary>
    private void ResumeChecks()
    {
        if (Volatile.Read(ref _isCheckIdle) != 0 && Interlocked.Exchange(ref _isCheckIdle, 0) != 0) _check.Change(CheckPeriod, Timeout.InfiniteTimeSpan);
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
            // It is logged, or the directory is being closed.
        }
        catch (Exception e)
        {
            // Memory may have run out. The next attempt comes after a while.
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
        }
    }
}
