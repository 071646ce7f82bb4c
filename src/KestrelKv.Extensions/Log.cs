using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions;

/// <summary>The log messages of the package.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The lock {Name} is lost: it was removed, or could not be renewed in time. Its fencing token is {FencingToken}")]
    public static partial void LockLost(ILogger logger, string name, long fencingToken);

    [LoggerMessage(2, LogLevel.Warning, "The lock {Name} could not be renewed. It is tried again until the lock counts as lost")]
    public static partial void RenewalFailed(ILogger logger, string name, Exception error);

    [LoggerMessage(3, LogLevel.Warning, "The lock {Name} could not be released, and will expire")]
    public static partial void ReleaseFailed(ILogger logger, string name, Exception error);

    [LoggerMessage(4, LogLevel.Information, "This process is now the leader of {Name}. The fencing token is {FencingToken}")]
    public static partial void LeadershipGained(ILogger logger, string name, long fencingToken);

    [LoggerMessage(5, LogLevel.Information, "This process is no longer the leader of {Name}. The fencing token was {FencingToken}")]
    public static partial void LeadershipEnded(ILogger logger, string name, long fencingToken);
}
