using KestrelKv.Storage.Durability;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A durable store without threads of its own: it writes to the disk when it is told to.</summary>
internal sealed class DrivenStore : IDisposable
{
    private readonly DurableStore _store;

    private DrivenStore(DurableStore store) => _store = store;

    public IKeyValueStore Calls => _store;

    /// <summary>The version of the last commit.</summary>
    public long Version => _store.GetStats().Version;

    public long DurableVersion => _store.GetDurabilityStats().DurableVersion;

    public bool HasFailed => _store.GetDurabilityStats().Disk == DiskState.Failed;

    /// <summary>Bytes of the log that are kept for the feed alone.</summary>
    public long HistoryBytes => _store.GetDurabilityStats().HistoryBytes;

    public static DrivenStore Open(IDisk disk, CrashProfile profile, TimeProvider time, ILogger? logger = null)
    {
        var options = new DataOptions
        {
            Durability = profile.Mode, SegmentBytes = profile.SegmentBytes, HistoryBytes = profile.HistoryBytes, HistoryTime = profile.HistoryTime,
        };
        return new(new DurableStore(
            disk, options, profile.StoreOptions, time, logger ?? NullLogger.Instance, onSync: null, threads: false, CancellationToken.None));
    }

    /// <summary>Prepares segments, and writes what was committed.</summary>
    public void Write(bool sync) => _store.Pump(sync);

    /// <summary>Tells the watches of what was written.</summary>
    public void DispatchFeed() => _store.DispatchFeed();

    /// <summary>What is done every second.</summary>
    public void TrimHistory() => _store.TrimHistory();

    /// <summary>What is done when nothing has come for a while.</summary>
    public void Mark() => _store.Mark();

    /// <summary>Takes a snapshot. It writes, too.</summary>
    public SnapshotInfo Snapshot()
    {
        try
        {
            return _store.TakeSnapshot(CancellationToken.None);
        }
        catch (IOException e) when (e.InnerException is SimulatedCrashException)
        {
            // Of a snapshot that fails it is told, whatever made it fail; but this process tells nothing any more.
            throw new SimulatedCrashException();
        }
    }

    /// <summary>Gives back the memory, and nothing more.</summary>
    public void Dispose()
    {
        Task disposal = _store.DisposeAsync().AsTask();
        Assert.True(disposal.IsCompletedSuccessfully);
    }
}
