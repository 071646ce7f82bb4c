using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Durability;

/// <summary>The store of a data directory and all its parts, without the threads that drive them.</summary>
internal sealed class DataEngine : IDisposable
{
    private readonly DirectoryCheck _check;
    private readonly long _start;

    /// <summary>
    /// Recovers the store of a directory. The caller disposes of the disk. <paramref name="onSync"/> must not block or throw.
    /// </summary>
    /// <exception cref="DataException">The files are damaged. Nothing was changed.</exception>
    public DataEngine(
        IDisk disk, DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILogger logger, Action<TimeSpan>? onSync,
        FeedThreads? feedThreads, CancellationToken cancellationToken)
    {
        History = new RetainedSegments(disk, data, time, logger);
        disk = new ReclaimingDisk(disk, History.TryDeleteOldest, () => History.HistoryBytes);
        Recovered recovered = new Recovery(disk, data, History, CreateEntries, time, logger, cancellationToken).Run();
        (_start, LastRecovered) = (recovered.Version, recovered.LastCommit);
        History.Trim();
        Files = recovered.Files;
        Feed = new ChangeFeed(options.FeedMemoryBytes, new LogHistory(disk, History, logger), recovered.Version, feedThreads);
        Log = new WriteAheadLog(Files, Signals, Feed, data.Durability, recovered.Version, recovered.Offset);
        Writer = new LogWriter(Log, Signals, Files, History, Feed, showsUnsynced: data.Durability != DurabilityMode.Always, onSync);
        Writer.ContinueFrom(recovered.Offset, recovered.Previous);
        Snapshots = new Snapshots(disk, Files, History, recovered.Entries, Log, time) { Last = recovered.Snapshot };
        _check = new DirectoryCheck(disk, data.Directory, Files, History, Snapshots);
        Store = new EmbeddedStore(recovered.Entries, Log, options, time);
        recovered.Entries.UseHugePages();

        Keyspace CreateEntries()
        {
            var entries = new Keyspace(time, options);
            entries.UseSmallPages();
            return entries;
        }
    }

    public EmbeddedStore Store { get; }

    public WriteAheadLog Log { get; }

    public LogSignals Signals { get; } = new();

    public LogWriter Writer { get; }

    public SegmentFiles Files { get; }

    /// <summary>The retained log segments, including those that only the feed needs.</summary>
    public RetainedSegments History { get; }

    public ChangeFeed Feed { get; }

    public Snapshots Snapshots { get; }

    /// <summary>The version of the last recovered commit.</summary>
    public long LastRecovered { get; }

    /// <summary>The version of the last commit. The version jump of a start is not a commit.</summary>
    public long LastCommit => Log.Last is var last && last == _start ? LastRecovered : last;

    /// <summary>Returns the state of the disk, and the reason if it is full or has failed.</summary>
    public (DiskState Disk, string? Error) GetDiskState() =>
        Log.Failure is { } failure ? (DiskState.Failed, failure.Message) :
        (Files.FullReason ?? Writer.FullReason) is { } full ? (DiskState.Full, full) : (DiskState.Ok, null);

    /// <summary>Fails the store if its directory, or a file that a start needs, is missing.</summary>
    public void VerifyDirectory()
    {
        try
        {
            if (Log.Failure is null) _check.Run();
        }
        catch (IOException e)
        {
            Log.Fail(e);
        }
    }

    /// <summary>Closes the store and its files. The threads that drive it must have ended.</summary>
    public void Dispose()
    {
        Store.Dispose();
        Files.Dispose();
        Signals.Dispose();
    }
}
