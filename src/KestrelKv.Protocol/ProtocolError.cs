using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>An error: what was wrong and what was expected.</summary>
/// <param name="Code">The stable code.</param>
/// <param name="Message">The message in English. The wording may change.</param>
public sealed record ProtocolError(ErrorCode Code, string Message)
{
    /// <summary>The error of a write for which the store has no memory.</summary>
    public static ProtocolError MemoryFull { get; } = new(
        ErrorCode.MemoryFull,
        "the store has no memory for this write (Store:MemoryBytesMax); reads, deletes, and writes that need no more memory continue");

    /// <summary>The error of a write for which the disk has no space.</summary>
    public static ProtocolError DiskFull { get; } = new(
        ErrorCode.DiskFull,
        "the disk has no space for this write (Data:Directory); reads continue, and writes resume automatically once space is available");

    /// <summary>The error of a write, or of a read whose data may not be on disk, after the disk has failed.</summary>
    public static ProtocolError DiskFailed { get; } = new(
        ErrorCode.DiskFailed,
        "the disk has failed (Data:Directory): until the server restarts, all writes fail, and reads return only data that is on disk");

    /// <summary>The error of a request whose reply found no memory in time.</summary>
    public static ProtocolError RepliesFull { get; } = new(
        ErrorCode.RepliesFull,
        "unread replies use all memory for replies (Wire:ReplyBytesTotalMax); the request was not executed, retry later");

    /// <summary>The error of a request of a client that has not authenticated.</summary>
    public static ProtocolError AuthRequired { get; } = new(
        ErrorCode.AuthRequired, "the client has not authenticated, expected AUTH with user and secret first");

    /// <summary>The error of any failed authentication. It does not reveal what was wrong.</summary>
    public static ProtocolError AuthFailed { get; } = new(
        ErrorCode.AuthFailed, "the user or the secret is not valid");

    /// <summary>The error of a secret sent in plain text from another machine.</summary>
    public static ProtocolError TlsRequired { get; } = new(
        ErrorCode.TlsRequired,
        "a secret was sent without TLS from another machine, expected TLS (Wire:Tls, Admin:Tls), or Security:AllowPlaintext; replace the secret");

    /// <summary>The error of a client whose user or secret is no longer valid.</summary>
    public static ProtocolError AuthRevoked { get; } = new(
        ErrorCode.AuthRevoked, "the user was removed or disabled, or its secret was revoked or has expired");

    /// <summary>Returns the error of a request that found no memory in time.</summary>
    /// <param name="bytes">The length of the request.</param>
    public static ProtocolError RequestsFull(long bytes) => new(ErrorCode.RequestsFull,
        $"the request has {bytes} bytes, and large requests use all memory for requests (Wire:RequestBytesTotalMax); " +
        "the request was not executed, retry later");

    /// <summary>Returns the error of a text that is not JSON.</summary>
    public static ProtocolError Of(JsonFault fault) => fault.Kind switch
    {
        JsonFaultKind.InvalidUtf8 => new(ErrorCode.InvalidUtf8, fault.Message),
        JsonFaultKind.TooDeep => new(ErrorCode.TooDeep, $"{fault.Message} (Limits:JsonDepthMax)"),
        _ => new(ErrorCode.InvalidJson, fault.Message),
    };

    /// <summary>Returns the error of a failed precondition.</summary>
    /// <param name="version">The version of the entry; 0 if the key does not exist.</param>
    public static ProtocolError PreconditionFailed(long version)
    {
        string state = version == 0 ? "the key does not exist" : $"the entry has version {version}";
        return new(ErrorCode.PreconditionFailed, $"the precondition does not hold: {state}") { Version = version };
    }

    /// <summary>The zero-based index of the failed operation of a batch; null otherwise.</summary>
    public int? Index { get; init; }

    /// <summary>The version of the entry or of the store; null if not applicable.</summary>
    public long? Version { get; init; }

    /// <summary>The oldest version at which a watch can begin; null if not applicable.</summary>
    public long? OldestVersion { get; init; }

    /// <summary>The number of the watch that has ended; null if not applicable.</summary>
    public long? Watch { get; init; }
}
