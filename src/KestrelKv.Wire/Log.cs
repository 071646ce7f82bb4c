using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire;

/// <summary>All that the wire logs. A client that hangs up is no event of note.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "Connection {ConnectionId} ended: {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, string connectionId, CloseReason reason);

    [LoggerMessage(2, LogLevel.Warning, "Connection {ConnectionId} was cut off: its client did not read its replies for {WriteTimeout}")]
    public static partial void ConnectionCut(ILogger logger, string connectionId, TimeSpan writeTimeout);

    [LoggerMessage(3, LogLevel.Warning, "Refused {Count} connections, the last one with {Reason}, from {Peer}")]
    public static partial void ConnectionsRefused(ILogger logger, long count, string reason, System.Net.EndPoint? peer);

    [LoggerMessage(4, LogLevel.Error, "Connection {ConnectionId} failed on a fault of the server's own and is closed")]
    public static partial void ConnectionFailed(ILogger logger, string connectionId, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "Connection {ConnectionId} is cut, with some replies sent whose changes may not be on disk: {Reason}")]
    public static partial void ConnectionLostToDisk(ILogger logger, string connectionId, string reason);
}
