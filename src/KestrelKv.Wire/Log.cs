using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire;

/// <summary>The log messages of the wire. A normal disconnect is logged at level Debug only.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "Connection {ConnectionId} ended: {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, string connectionId, CloseReason reason);

    [LoggerMessage(2, LogLevel.Warning, "Connection {ConnectionId} was aborted: the client did not read its replies for {WriteTimeout}")]
    public static partial void ConnectionAborted(ILogger logger, string connectionId, TimeSpan writeTimeout);

    [LoggerMessage(3, LogLevel.Warning, "Refused {Count} connections; the last error was {Reason}, for {Peer}")]
    public static partial void ConnectionsRefused(ILogger logger, long count, string reason, System.Net.EndPoint? peer);

    [LoggerMessage(4, LogLevel.Error, "Connection {ConnectionId} is closed after a fault in the server")]
    public static partial void ConnectionFailed(ILogger logger, string connectionId, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "Connection {ConnectionId} is aborted: the changes in sent replies may be lost: {Reason}")]
    public static partial void ConnectionLostToStore(ILogger logger, string connectionId, string reason);
}
