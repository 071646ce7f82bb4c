using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres;

internal static partial class Log
{
    [LoggerMessage(700, LogLevel.Information, "Opened schema {Schema} at version {Version} with {Keys} keys; this server is door {Door}")]
    public static partial void Opened(ILogger logger, string schema, long version, long keys, Guid door);

    [LoggerMessage(701, LogLevel.Warning, "The outcome of write group {Sequence} is unknown and will be determined: {Reason}")]
    public static partial void OutcomeUnknown(ILogger logger, long sequence, string reason);

    [LoggerMessage(702, LogLevel.Warning, "Write group {Sequence} was {Outcome}, determined after {Seconds:F1} seconds")]
    public static partial void OutcomeResolved(ILogger logger, long sequence, string outcome, double seconds);

    [LoggerMessage(703, LogLevel.Error,
        "The outcome of write group {Sequence} could not be determined in {Seconds:F0} seconds, so its calls fail as unknown: their " +
        "writes may have taken effect, or do so later. Restore the primary and its standby. " +
        "A call with a request id may be repeated: {Reason}")]
    public static partial void OutcomeUnresolved(ILogger logger, long sequence, double seconds, string reason);

    [LoggerMessage(704, LogLevel.Warning,
        "Write group {Sequence} was refused by the database. It changed nothing, and its calls fail as unavailable: {Reason}")]
    public static partial void GroupRefused(ILogger logger, long sequence, string reason);

    [LoggerMessage(705, LogLevel.Critical,
        "The database lost history: it is at version {Version}, but version {Known} was acknowledged before. It was restored from a " +
        "backup, or failed over to a server without the last commits. All watches end")]
    public static partial void HistoryLost(ILogger logger, long version, long known);

    [LoggerMessage(706, LogLevel.Warning, "{Work} failed and is retried: {Reason}")]
    public static partial void Retried(ILogger logger, string work, string reason);

    [LoggerMessage(707, LogLevel.Warning, "The primary is now {Host}. The sessions to {Former}, the former primary, are closed")]
    public static partial void PrimaryChanged(ILogger logger, string host, string former);

    [LoggerMessage(708, LogLevel.Warning, "{Reason} The search continues")]
    public static partial void NoPrimary(ILogger logger, string reason);

    [LoggerMessage(709, LogLevel.Error, "The settings of {Host} are not safe. {Setting}")]
    public static partial void UnsafeSetting(ILogger logger, string host, string setting);

    [LoggerMessage(710, LogLevel.Information, "The settings of {Host} are safe again")]
    public static partial void SafeSettings(ILogger logger, string host);

    [LoggerMessage(711, LogLevel.Warning, "A server stopped while it held the writer lock. Its transaction was ended")]
    public static partial void StuckHolderEnded(ILogger logger);
}
