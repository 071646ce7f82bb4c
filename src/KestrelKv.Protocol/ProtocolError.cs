namespace KestrelKv.Protocol;

/// <summary>What was wrong and what was expected, for a person to read.</summary>
/// <param name="Code">What programs tell errors apart by.</param>
/// <param name="Message">A sentence or two of English; its wording may change at any time.</param>
public sealed record ProtocolError(ErrorCode Code, string Message)
{
    /// <summary>The answer to a write that the store has no memory for.</summary>
    public static ProtocolError MemoryFull { get; } = new(
        ErrorCode.MemoryFull,
        "the store may take no more memory, which this write needs (Store:MemoryBytesMax); reads, deletes and writes that need no more go on");
}
