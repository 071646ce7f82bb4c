using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Feed;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The store of a data directory without threads. The test drives the log, the segments and the feed.</summary>
internal sealed class DrivenStore : IDisposable
{
    private readonly DataEngine _engine;
    private readonly FileDisk? _fileDisk;
    private bool _isAtDisk;

    private DrivenStore(DataEngine engine, IDisk disk) => (_engine, _fileDisk) = (engine, disk as FileDisk);

    public IKeyValueStore Calls => _engine.Store;

    /// <summary>The version of the last commit, or of the start.</summary>
    public long Version => _engine.Log.Last;

    public long LastRecovered => _engine.LastRecovered;

    public long DurableVersion => _engine.Log.DurableVersion;

    public bool HasFailed => _engine.Log.Failure is not null;

    public long HistoryBytes => _engine.History.HistoryBytes;

    public static DrivenStore Open(IDisk disk, CrashProfile profile, TimeProvider time, ILogger? logger = null)
    {
        var options = new DataOptions
        {
            Durability = profile.Mode, SegmentBytes = profile.SegmentBytes, HistoryBytes = profile.HistoryBytes,
            HistoryTime = profile.HistoryTime,
        };
        return new(
            new DataEngine(
                disk, options, profile.StoreOptions, time, logger ?? NullLogger.Instance, onSync: null, DrivenFeed.Threads,
                CancellationToken.None),
            disk);
    }

    /// <summary>Prepares segments and writes queued commits. Does nothing if it is called recursively.</summary>
    public void Write(bool sync) => AtDisk(() =>
    {
        try
        {
            _engine.Files.Prepare(_engine.Signals.TakeRequestedBytes());
        }
        catch (IOException e)
        {
            _engine.Log.Fail(e);
        }
        _engine.Writer.Write();
        if (sync) _engine.Writer.Sync();
        _engine.Log.Progress();
    });

    public void DispatchFeed()
    {
        while (_engine.Feed.Dispatch())
        {
        }
    }

    /// <summary>Trims the history, as the server does every second.</summary>
    public void TrimHistory() => _engine.History.Trim();

    /// <summary>Writes a mark, as the server does after a time without commits.</summary>
    public void Mark() => AtDisk(_engine.Writer.Mark);

    /// <summary>Takes a snapshot. This also writes and syncs the log.</summary>
    public SnapshotInfo Snapshot() => _engine.Snapshots.Take(SyncTo, CancellationToken.None);

    /// <summary>Frees the memory without any access to the disk.</summary>
    public void Dispose()
    {
        _engine.Dispose();
        _fileDisk?.Dispose();
    }

    private void SyncTo(long version)
    {
        Write(sync: true);
        ValueTask<bool> synced = _engine.Log.WhenSynced(version);
        if (synced.IsCompletedSuccessfully) return;
        if (synced.IsFaulted) throw new IOException("the disk has failed", synced.AsTask().Exception!.InnerException);
        throw new DiskFullException(_engine.Writer.FullReason ?? "the log is not synced");
    }

    private void AtDisk(Action action)
    {
        if (_isAtDisk || _engine.Log.Failure is not null) return;
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
}
