using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Durability;

/// <summary>The embedded store with a data directory: a write-ahead log and snapshots.</summary>
public sealed class DurableStore : IKeyValueStore, IAsyncDisposable
{
    /// <summary>How often it is looked whether a snapshot is due, and what the disk does.</summary>
    private static readonly TimeSpan WatchPeriod = TimeSpan.FromSeconds(1);

    /// <summary>After a snapshot that failed, the next one is tried after this time.</summary>
    private static readonly TimeSpan SnapshotRetryTime = TimeSpan.FromMinutes(1);

    /// <summary>How often a snapshot that waits for the log looks whether the log waits for space.</summary>
    private static readonly TimeSpan SyncWaitTime = TimeSpan.FromMilliseconds(100);

    private readonly DataOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly IDisposable? _disk;
    private readonly EmbeddedStore _store;
    private readonly SegmentFiles _files;
    private readonly KeptSegments _kept;
    private readonly ChangeFeed _feed;
    private readonly WriteAheadLog _log;
    private readonly LogWriter _writer;
    private readonly LogThread? _thread;
    private readonly Snapshots _snapshots;
    private readonly DirectoryCheck _check;
    private readonly SemaphoreSlim _snapshotting = new(1);
    private readonly CancellationTokenSource _closing = new();
    private readonly ITimer? _watch;
    private DiskState _toldDisk;
    private long _bytesAtSnapshot;
    private long _snapshotTriedAt;
    private long _snapshotFailures;
    private bool _snapshotFailed;
    private bool _closed;

    /// <summary>Without threads: what the next segment must have room for.</summary>
    private long _wantedBytes;
    private bool _isAtDisk;

    /// <param name="disk">The data directory.</param>
    /// <param name="data">Where and how.</param>
    /// <param name="options">Those of the store itself.</param>
    /// <param name="time">The clock that expiry and snapshots go by.</param>
    /// <param name="logger">For what is to be told.</param>
    /// <param name="onSync">Is told how long each sync of the log took.</param>
    /// <param name="threads">Whether threads of its own do the work; otherwise the caller does, with <see cref="Pump"/>.</param>
    /// <param name="cancellationToken">Gives up the recovery.</param>
    internal DurableStore(
        IDisk disk, DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILogger logger, Action<TimeSpan>? onSync,
        bool threads, CancellationToken cancellationToken)
    {
        (_options, _time, _logger, _disk) = (data, time, logger, disk as IDisposable);
        _kept = new KeptSegments(disk, data, time, logger);
        disk = new SpaceMakingDisk(disk, _kept.TryGiveUpOldest, () => _kept.HistoryBytes);
        var recovery = new Recovery(disk, data, _kept, () => EmbeddedStore.ForLoading(time, options), logger, cancellationToken);
        Recovered recovered = recovery.Run();
        (_store, _files) = (recovered.Store, recovered.Files);
        _kept.Trim();
        _log = new WriteAheadLog(_files, new DurableWaits(recovered.Version), recovered.Version, recovered.Offset);
        _feed = new ChangeFeed(options.FeedMemoryBytes, new LogHistory(disk, _kept, logger), () => _log.Last, recovered.Version, threads);
        _writer = new LogWriter(_log, _files, _kept, _feed, showsUnsynced: data.Durability != DurabilityMode.Always, onSync);
        _writer.GoOnFrom(recovered.Offset, recovered.Previous);
        _snapshots = new Snapshots(disk, _files, _kept, _store, _log, time) { Last = recovered.Snapshot };
        _check = new DirectoryCheck(disk, data.Directory, _files, _kept, _snapshots);
        _bytesAtSnapshot = -_writer.LogBytes;
        _snapshotTriedAt = time.GetTimestamp();
        _store.LogTo(_log, waitsForDisk: data.Durability == DurabilityMode.Always);
        _store.ShowIn(_feed);
        if (!threads)
        {
            _log.SegmentWanted = bytes => _wantedBytes = Math.Max(_wantedBytes, bytes);
            return;
        }

        _thread = new LogThread(_log, _writer, _files, data.Durability);
        _thread.Start();
        _watch = time.CreateTimer(static store => ((DurableStore)store!).Watch(), this, WatchPeriod, WatchPeriod);
    }

    /// <summary>
    /// Opens a data directory, which nobody else may have open: recovers what it has, then takes calls. It takes as long
    /// as the recovery does, and tells of its progress in the log.
    /// </summary>
    /// <param name="data">Where and how.</param>
    /// <param name="options">Those of the store itself.</param>
    /// <param name="time">The clock that expiry and snapshots go by.</param>
    /// <param name="loggers">For what is to be told.</param>
    /// <param name="onSync">Is told how long each sync of the log took. Must not block or throw.</param>
    /// <param name="cancellationToken">Gives up the recovery; the files stay as they are.</param>
    /// <exception cref="DataException">The directory is not fit to be used; nothing was changed in it.</exception>
    public static DurableStore Open(
        DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILoggerFactory loggers, Action<TimeSpan>? onSync = null,
        CancellationToken cancellationToken = default)
    {
        var disk = new FileDisk(data.Directory);
        try
        {
            return new(disk, data, options, time, loggers.CreateLogger<DurableStore>(), onSync, threads: true, cancellationToken);
        }
        catch (Exception e)
        {
            disk.Dispose();
            if (e is not (IOException or DataException)) throw;
            throw new DataException($"the data directory {Path.GetFullPath(data.Directory)} can't be used: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> ExecuteAsync(ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) =>
        _store.ExecuteAsync(operations, results, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId = default,
        CancellationToken cancellationToken = default) =>
        _store.CommitAsync(batch, results, requestId, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default) =>
        _store.ListAsync(query, entries, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default) =>
        _store.CountAsync(query, cancellationToken);

    /// <inheritdoc/>
    public IWatch Watch(WatchQuery query, Action wake) => _store.Watch(query, wake);

    /// <inheritdoc/>
    public StoreStats GetStats() => _store.GetStats() with { Durability = _options.Durability };

    /// <summary>Figures of this moment; cheap enough to ask every second.</summary>
    public DurabilityStats GetDurabilityStats()
    {
        (DiskState disk, string? error) = GetDiskState();
        return new()
        {
            Mode = _options.Durability,
            DurableVersion = _log.DurableVersion,
            Disk = disk,
            DiskError = error,
            Syncs = _writer.Syncs,
            CommitsSynced = _writer.CommitsSynced,
            LogBytes = _writer.LogBytes,
            HistoryBytes = _kept.HistoryBytes,
            LastSnapshot = _snapshots.Last,
            SnapshotFailures = Interlocked.Read(ref _snapshotFailures),
        };
    }

    /// <summary>Takes a snapshot, or waits for one that is being taken and takes another. Writes go on meanwhile.</summary>
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

    /// <summary>Opens the newest snapshot's file for reading, after taking one if anything was committed since. The caller disposes of the stream.</summary>
    /// <exception cref="IOException">It could not be written, or opened.</exception>
    public async Task<(SnapshotInfo Snapshot, Stream File)> OpenBackupAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            SnapshotInfo snapshot = _snapshots.Last is { } last && last.Version == _log.Last ? last : await SnapshotAsync(cancellationToken);
            try
            {
                string path = ((FileDisk)_disk!).PathOf(FileNames.OfSnapshot(snapshot.Version));
                var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, useAsync: true);
                return (snapshot, file);
            }
            catch (FileNotFoundException) when (_snapshots.Last != snapshot)
            {
                // A newer one has taken its place just now.
            }
        }
    }

    /// <summary>
    /// Takes a last snapshot, if so configured, and closes the files. No other call may be under way, and none may follow.
    /// </summary>
    /// <param name="cancellationToken">Gives up the snapshot; nothing is lost by that.</param>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (_closed) return;
        try
        {
            if (_options.SnapshotOnStop && GetDiskState().Disk == DiskState.Ok && _snapshots.Last?.Version != _log.Last && _log.Last > 0)
                await SnapshotAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Log.SnapshotGivenUp(_logger);
        }
        catch (IOException)
        {
            // It has been told; the log has all.
        }
        await DisposeAsync();
    }

    /// <summary>Closes the files without a last snapshot, if they are not closed yet, and gives all memory back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closed) return;
        _closed = true;
        if (_watch is not null) await _watch.DisposeAsync();
        await _closing.CancelAsync();
        await _snapshotting.WaitAsync();
        _store.StopSweeping();
        _thread?.Dispose();
        if (_log.DurableVersion < _log.Last && _thread is not null)
        {
            Log.CommitsLost(_logger, _log.DurableVersion);
            _log.Fail(new IOException("the server stops before the disk has space"));
        }
        _store.Dispose();
        _files.Dispose();
        _disk?.Dispose();
        _closing.Dispose();
        _snapshotting.Dispose();
    }

    /// <summary>
    /// Without threads: prepares segments, writes what has been committed, and syncs it if it is to be. Does nothing where
    /// it is called in the middle of itself.
    /// </summary>
    internal void Pump(bool sync = true) => AtDisk(() =>
    {
        try
        {
            long wanted = _wantedBytes;
            _wantedBytes = 0;
            _files.Prepare(wanted);
        }
        catch (IOException e)
        {
            _log.Fail(e);
        }
        _writer.Write();
        if (sync) _writer.Sync();
        _log.Progress();
    });

    /// <summary>Without threads: tells the watches of what was written.</summary>
    internal void DispatchFeed()
    {
        while (_feed.Dispatch())
        {
        }
    }

    /// <summary>Deletes what need not be kept for the feed any more.</summary>
    internal void TrimHistory() => _kept.Trim();

    /// <summary>Fails the store where its directory, or a file that it needs, is gone.</summary>
    internal void VerifyDirectory()
    {
        try
        {
            if (_log.Failure is null) _check.Run();
        }
        catch (IOException e)
        {
            _log.Fail(e);
        }
    }

    /// <summary>Without threads: writes a mark, as is done after a second without commits.</summary>
    internal void Mark() => AtDisk(_writer.Mark);

    /// <summary>Takes a snapshot on this thread.</summary>
    internal SnapshotInfo TakeSnapshot(CancellationToken cancellationToken)
    {
        long bytes = _writer.BytesWritten;
        _snapshotTriedAt = _time.GetTimestamp();
        try
        {
            SnapshotInfo snapshot = _snapshots.Take(SyncTo, cancellationToken);
            _bytesAtSnapshot = bytes;
            _snapshotFailed = false;
            Log.SnapshotTaken(_logger, snapshot.Version, snapshot.Bytes, snapshot.Duration.TotalSeconds);
            return snapshot;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever it is, the log has all.
            Interlocked.Increment(ref _snapshotFailures);
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
            if (e is IOException) throw;
            throw new IOException(e.Message, e);
        }
    }

    private void SyncTo(long version)
    {
        if (_thread is null) Pump();
        _thread?.AskForSync();
        try
        {
            Task durable = _log.WhenDurable(version, true).AsTask();

            // What the snapshot has of the space may be just what the log lacks: then it is given up.
            while (!durable.Wait(_thread is null ? TimeSpan.Zero : SyncWaitTime))
                if (_thread is null || _writer.FullReason is not null) throw new DiskFullException(_writer.FullReason ?? "the log is not synced");
        }
        catch (AggregateException e) when (e.InnerException is DurabilityLostException lost)
        {
            throw new IOException(lost.Message, lost);
        }
    }

    private void AtDisk(Action action)
    {
        if (_isAtDisk || _log.Failure is not null) return;
        _isAtDisk = true;
        try
        {
            action();
        }
        finally
        {
            _isAtDisk = false;
        }
    }

    private (DiskState Disk, string? Error) GetDiskState() =>
        _log.Failure is { } failure ? (DiskState.Failed, failure.Message) :
        (_files.FullReason ?? _writer.FullReason) is { } full ? (DiskState.Full, full) : (DiskState.Ok, null);

    private void Watch()
    {
        try
        {
            LookAtDisk();
        }
        catch (Exception e)
        {
            // It would end the process. The next look is in a second.
            Log.WatchFailed(_logger, e);
        }
    }

    private void LookAtDisk()
    {
        VerifyDirectory();
        (DiskState disk, string? error) = GetDiskState();
        if (disk != _toldDisk)
        {
            if (disk == DiskState.Failed) Log.DiskFailed(_logger, error!);
            else if (disk == DiskState.Full) Log.DiskFull(_logger, error!);
            else Log.DiskHasSpace(_logger);
            _toldDisk = disk;
        }
        _kept.Trim();
        if (disk != DiskState.Failed && IsSnapshotDue()) _ = SnapshotWhenDueAsync();
    }

    private bool IsSnapshotDue()
    {
        TimeSpan sinceTried = _time.GetElapsedTime(_snapshotTriedAt);
        if (_snapshotting.CurrentCount == 0 || _log.Last == (_snapshots.Last?.Version ?? 0)) return false;
        if (_snapshotFailed && sinceTried < SnapshotRetryTime) return false;
        if (_options.SnapshotInterval > TimeSpan.Zero && sinceTried >= _options.SnapshotInterval) return true;
        return _writer.BytesWritten - _bytesAtSnapshot >= Math.Max(_options.SnapshotLogBytes, _snapshots.Last?.Bytes ?? 0);
    }

    private async Task SnapshotWhenDueAsync()
    {
        try
        {
            await SnapshotAsync(_closing.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // It has been told, or the store is being closed.
        }
        catch (Exception e)
        {
            // There is no memory for its thread, say. The next try is due in a while.
            _snapshotFailed = true;
            Log.SnapshotFailed(_logger, e.Message);
        }
    }
}
