namespace KestrelKv.Client;

/// <summary>A call failed. The subtype states what happened to the request.</summary>
public abstract class KestrelKvException : Exception
{
    private protected KestrelKvException(string message, Exception? inner = null) : base(message, inner)
    {
    }

    /// <summary>Whether the deadline of the call passed.</summary>
    public bool IsTimeout => InnerException is TimeoutException;
}

/// <summary>The request was not sent, and has no effect. It may be repeated.</summary>
public sealed class NotSentException : KestrelKvException
{
    internal NotSentException(string message, Exception? inner = null) : base(message, inner)
    {
    }

    /// <summary>Returns the failure of a call of a client that was disposed of.</summary>
    internal static NotSentException Disposed() => new("The client is disposed.", new ObjectDisposedException(nameof(KestrelKvClient)));
}

/// <summary>
/// The request was sent, and its outcome is unknown, usually because no reply arrived. A write may or may not take effect. Read the entry to
/// find out, or repeat a write whose repetition is harmless.
/// </summary>
public sealed class OutcomeUnknownException : KestrelKvException
{
    internal OutcomeUnknownException(string message, Exception? inner = null, string? code = null) : base(message, inner) => Code = code;

    /// <summary>The error code of the server, such as <c>disk_failed</c>; null if there is none.</summary>
    public string? Code { get; }
}

/// <summary>The server refused the request, which has no effect.</summary>
public class RefusedException : KestrelKvException
{
    internal RefusedException(string code, string message, int? index = null, long? version = null)
        : base($"{message} ({code})") => (Code, Index, Version) = (code, index, version);

    /// <summary>Creates a copy, because an exception must not be thrown to several callers.</summary>
    internal RefusedException(RefusedException other)
        : base(other.Message, other) => (Code, Index, Version) = (other.Code, other.Index, other.Version);

    /// <summary>The error code, such as <c>too_deep</c>: see the table of errors in PROTOCOL.md.</summary>
    public string Code { get; }

    /// <summary>Whether the same request may succeed later without a change of the request or of the user's rights.</summary>
    public bool IsTransient => Code is "conflict" or "memory_full" or "disk_full" or "replies_full" or "requests_full" or "too_many_connections" or
        "too_many_watches" or "unavailable" or "idle_timeout" or "auth_timeout" or "internal_error";

    /// <summary>
    /// Whether a watch has no continuation: the server no longer keeps the changes that come next, or has other data than before. Read the entries
    /// again.
    /// </summary>
    public bool IsHistoryLost => Code is "compacted" or "future_version";

    /// <summary>The operation of a batch that failed, counted from 0; null for other requests.</summary>
    public int? Index { get; }

    /// <summary>The version in the error, if it has one.</summary>
    public long? Version { get; }
}

/// <summary>
/// The changes that a watch needs next are no longer kept: the watch has a gap. Read the entries again, or use
/// <see cref="KestrelKvClient.SnapshotThenWatchAsync{T}(string, WatchOptions, CancellationToken)"/>, which does so.
/// </summary>
public sealed class HistoryCompactedException : RefusedException
{
    internal HistoryCompactedException(string message, long oldestVersion) : base("compacted", message) => OldestVersion = oldestVersion;

    /// <summary>The oldest version at which a watch can begin.</summary>
    public long OldestVersion { get; }
}
