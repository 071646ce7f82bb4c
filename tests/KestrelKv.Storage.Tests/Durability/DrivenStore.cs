using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Feed;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The store of a data directory without threads of its own: the test drives log, segments and feed.</summary>
internal sealed class DrivenStore : IDisposable
{
    private readonly DataEngine _engine;
    private readonly FileDisk? _fileDisk;
    private bool _isAtDisk;

    private DrivenStore(DataEngine engine, IDisk disk) => (_engine, _fileDisk) = (engine, disk as FileDisk);

    public IKeyValueStore Calls => _engine.Store;

    /// <summary>The version of the last commit, or of the start.</summary>
    public long Version => _engine.Log.Last;

    /// <summary>The version of the last commit that was recovered.</summary>
    public long LastRecovered => _engine.LastRecovered;

    public long DurableVersion => _engine.Log.DurableVersion;

    public bool HasFailed => _engine.Log.Failure is not null;

    /// <summary>Bytes of the log that are kept for the feed alone.</summary>
    public long HistoryBytes => _engine.History.HistoryBytes;

    public static DrivenStore Open(IDisk disk, CrashProfile profile, TimeProvider time, ILogger? logger = null)
    {
        var options = new DataOptions
        {
            Durability = profile.Mode, SegmentBytes = profile.SegmentBytes, HistoryBytes = profile.HistoryBytes, HistoryTime = profile.HistoryTime,
        };
        return new(
            new DataEngine(
                disk, options, profile.StoreOptions, time, logger ?? NullLogger.Instance, onSync: null, DrivenFeed.Threads, CancellationToken.None),
            disk);
    }

    /// <summary>Prepares segments, and writes what was committed. Does nothing if it is called in the middle of itself.</summary>
    public void Write(bool sync) => AtDisk(() =>
    {
        try
        {
            _engine.Files.Prepare(_engine.Signals.TakeWantedBytes());
        }
        catch (IOException e)
        {
            _engine.Log.Fail(e);
        }
        _engine.Writer.Write();
        if (sync) _engine.Writer.Sync();
        _engine.Log.Progress();
    });

    /// <summary>Dispatches to the watches what was written.</summary>
    public void DispatchFeed()
    {
        while (_engine.Feed.Dispatch())
        {
        }
    }

    /// <summary>What is done every second.</summary>
    public void TrimHistory() => _engine.History.Trim();

    /// <summary>What is done when nothing has come for a while.</summary>
    public void Mark() => AtDisk(_engine.Writer.Mark);

    /// <summary>Takes a snapshot. It writes, too.</summary>
    public SnapshotInfo Snapshot() => _engine.Snapshots.Take(SyncTo, CancellationToken.None);

    /// <summary>Frees the memory, and does nothing at the disk.</summary>
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
