using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information,
        "Recovered version {Version} with {Keys} keys in {Seconds:F1} seconds; new versions start after {Start}")]
    public static partial void Recovered(ILogger logger, long version, long keys, double seconds, long start);

    [LoggerMessage(201, LogLevel.Information, "Recovering: {Percent} % of {File} after {Seconds:F0} seconds")]
    public static partial void Recovering(ILogger logger, string file, long percent, double seconds);

    [LoggerMessage(202, LogLevel.Warning,
        "The log ends at {File}, offset {Offset}: {Reason}. The data after this offset was never synced and is discarded")]
    public static partial void TailCut(ILogger logger, string file, long offset, string reason);

    [LoggerMessage(203, LogLevel.Warning, "{Damage}. Recovery uses the older snapshot {File} and the log after it")]
    public static partial void OlderSnapshot(ILogger logger, string damage, string file);

    [LoggerMessage(204, LogLevel.Information, "Snapshot of version {Version}: {Bytes} bytes in {Seconds:F1} seconds")]
    public static partial void SnapshotTaken(ILogger logger, long version, long bytes, double seconds);

    [LoggerMessage(205, LogLevel.Error, "The snapshot failed. The log is kept, and the snapshot is retried later: {Reason}")]
    public static partial void SnapshotFailed(ILogger logger, string reason);

    [LoggerMessage(206, LogLevel.Warning,
        "The snapshot at the stop was canceled after the stop timeout. The next start reads the log instead")]
    public static partial void SnapshotCanceled(ILogger logger);

    [LoggerMessage(207, LogLevel.Critical, "The disk has failed: writes are refused until the server is restarted. {Reason}")]
    public static partial void DiskFailed(ILogger logger, string reason);

    [LoggerMessage(208, LogLevel.Error, "The disk is full: writes are refused until space is available. {Reason}")]
    public static partial void DiskFull(ILogger logger, string reason);

    [LoggerMessage(209, LogLevel.Information, "The disk has space again: writes are accepted")]
    public static partial void DiskHasSpace(ILogger logger);

    [LoggerMessage(210, LogLevel.Error, "The commits after version {Version} could not be written to disk and are lost")]
    public static partial void CommitsLost(ILogger logger, long version);

    [LoggerMessage(211, LogLevel.Warning,
        "{Damage}. Only the change feed needs this part of the log. The feed's history now begins after it")]
    public static partial void HistoryDamaged(ILogger logger, string damage);

    [LoggerMessage(213, LogLevel.Error, "The check of the data directory failed and will be retried")]
    public static partial void WatchFailed(ILogger logger, Exception exception);

    [LoggerMessage(212, LogLevel.Information, "The disk is full: {File}, which only the change feed needs, is deleted")]
    public static partial void HistoryDeleted(ILogger logger, string file);
}
