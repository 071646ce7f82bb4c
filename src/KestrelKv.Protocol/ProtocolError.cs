using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>What was wrong and what was expected, for a person to read.</summary>
/// <param name="Code">The code for programs.</param>
/// <param name="Message">A sentence or two of English; its wording may change at any time.</param>
public sealed record ProtocolError(ErrorCode Code, string Message)
{
    /// <summary>The answer to a write that the store has no memory for.</summary>
    public static ProtocolError MemoryFull { get; } = new(
        ErrorCode.MemoryFull,
        "the store may take no more memory, which this write needs (Store:MemoryBytesMax); reads, deletes and writes that need no more continue");

    /// <summary>The answer to a write that the disk has no space for.</summary>
    public static ProtocolError DiskFull { get; } = new(
        ErrorCode.DiskFull,
        "the disk has no space for this write (Data:Directory); reads continue, and writes resume automatically once space is available");

    /// <summary>The answer to a write, and to a read of what may not be on disk, after the disk has failed.</summary>
    public static ProtocolError DiskFailed { get; } = new(
        ErrorCode.DiskFailed,
        "the disk has failed (Data:Directory): until the server is started again no write is taken, and reads give only what is on disk");

    /// <summary>The answer to a request whose reply found no room in time.</summary>
    public static ProtocolError RepliesFull { get; } = new(
        ErrorCode.RepliesFull,
        "replies that clients have not read take all the memory that replies may take (Wire:ReplyBytesTotalMax); nothing was done, try again later");

    /// <summary>The answer to a request that found no room in time.</summary>
    /// <param name="bytes">The request's length.</param>
    public static ProtocolError RequestsFull(long bytes) => new(ErrorCode.RequestsFull,
        $"the request has {bytes} bytes, and requests that are arriving take all the memory that they may take " +
        "(Wire:RequestBytesTotalMax); nothing was done, try again later");

    /// <summary>The error that reports a text that is not JSON.</summary>
    public static ProtocolError Of(JsonFault fault) => fault.Kind switch
    {
        JsonFaultKind.InvalidUtf8 => new(ErrorCode.InvalidUtf8, fault.Message),
        JsonFaultKind.TooDeep => new(ErrorCode.TooDeep, $"{fault.Message} (Limits:JsonDepthMax)"),
        _ => new(ErrorCode.InvalidJson, fault.Message),
    };

    /// <summary>The answer to a write whose precondition does not hold.</summary>
    /// <param name="version">The version that the entry has; 0 where there is none.</param>
    public static ProtocolError PreconditionFailed(long version)
    {
        string there = version == 0 ? "there is no entry" : $"the entry has version {version}";
        return new(ErrorCode.PreconditionFailed, $"the precondition does not hold: {there}") { Version = version };
    }

    /// <summary>Which operation of a batch was refused, counted from 0; null where it was no batch.</summary>
    public int? Index { get; init; }

    /// <summary>The version that there is, of the entry or of the store; null where it is of no concern.</summary>
    public long? Version { get; init; }

    /// <summary>The oldest version that a feed can begin with; null where it is of no concern.</summary>
    public long? OldestVersion { get; init; }

    /// <summary>Which watch has ended; null where none has.</summary>
    public long? Watch { get; init; }
}
