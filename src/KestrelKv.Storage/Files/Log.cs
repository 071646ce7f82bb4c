using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

/// <summary>What the store tells of its data directory.</summary>
internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Recovered version {Version} with {Keys} keys in {Seconds:F1} seconds; new versions follow {Start}")]
    public static partial void Recovered(ILogger logger, long version, long keys, double seconds, long start);

    [LoggerMessage(201, LogLevel.Information, "Recovering: {Percent} % of {File} after {Seconds:F0} seconds")]
    public static partial void Recovering(ILogger logger, string file, long percent, double seconds);

    [LoggerMessage(202, LogLevel.Warning,
        "The log ends at {File}, offset {Offset}: {Reason}. What follows was being written when the server was stopped, was never acknowledged, and is cut off")]
    public static partial void TailCut(ILogger logger, string file, long offset, string reason);

    [LoggerMessage(203, LogLevel.Warning, "{Damage}. The older snapshot {File} and the log since then are used instead")]
    public static partial void OlderSnapshot(ILogger logger, string damage, string file);

    [LoggerMessage(204, LogLevel.Information, "Snapshot of version {Version}: {Bytes} bytes in {Seconds:F1} seconds")]
    public static partial void SnapshotTaken(ILogger logger, long version, long bytes, double seconds);

    [LoggerMessage(205, LogLevel.Error, "The snapshot failed; the log is kept, and it is tried again later: {Reason}")]
    public static partial void SnapshotFailed(ILogger logger, string reason);

    [LoggerMessage(206, LogLevel.Warning, "The snapshot at the stop was given up, as its time was over; the next start reads the log instead")]
    public static partial void SnapshotGivenUp(ILogger logger);

    [LoggerMessage(207, LogLevel.Critical, "The disk has failed: no more writes are taken until the server is started again. {Reason}")]
    public static partial void DiskFailed(ILogger logger, string reason);

    [LoggerMessage(208, LogLevel.Error, "The disk is full: writes are refused until there is space. {Reason}")]
    public static partial void DiskFull(ILogger logger, string reason);

    [LoggerMessage(209, LogLevel.Information, "The disk has space again: writes are taken")]
    public static partial void DiskHasSpace(ILogger logger);

    [LoggerMessage(210, LogLevel.Error, "The commits after version {Version} could not be written to the disk, and are lost")]
    public static partial void CommitsLost(ILogger logger, long version);

    [LoggerMessage(211, LogLevel.Warning, "{Damage}. The log before is needed for the change feed only, which begins after it now")]
    public static partial void HistoryDamaged(ILogger logger, string damage);

    [LoggerMessage(213, LogLevel.Error, "The data directory could not be looked at; it is tried again in a second")]
    public static partial void WatchFailed(ILogger logger, Exception exception);

    [LoggerMessage(212, LogLevel.Information, "The disk is full: {File}, which was kept for the change feed, is given up")]
    public static partial void HistoryGivenUp(ILogger logger, string file);
}
