namespace KestrelKv.Protocol;

/// <summary>
/// Groups of errors that functions can return, for the table of functions. A test compares them with the lines "Errors" of PROTOCOL.md.
/// </summary>
internal static class Outcomes
{
    public static readonly ErrorCode[] OfReads = [ErrorCode.DiskFailed, ErrorCode.Unavailable, ErrorCode.RepliesFull];

    /// <summary>The errors of a write that neither edits a value nor returns one, such as EXPIRE.</summary>
    public static readonly ErrorCode[] OfWrites =
    [
        ErrorCode.MemoryFull, ErrorCode.DiskFull, ErrorCode.DiskFailed, ErrorCode.Unavailable, ErrorCode.OutcomeUnknown,
        ErrorCode.PreconditionFailed, ErrorCode.RequestIdReused,
    ];

    /// <summary>The errors of a write that may return the old value, and record it with the request id.</summary>
    public static readonly ErrorCode[] OfWritesWithOld = [.. OfWrites, ErrorCode.ValueTooLong, ErrorCode.RepliesFull];

    public static readonly ErrorCode[] OfEdits =
        [.. OfWritesWithOld, ErrorCode.NotFound, ErrorCode.PathNotFound, ErrorCode.TooDeep, ErrorCode.Conflict];

    public static readonly ErrorCode[] OfPatches = [.. OfEdits, ErrorCode.TestFailed, ErrorCode.PatchTooLong];

    /// <summary>The errors of INCR, which creates a missing key and returns no old value.</summary>
    public static readonly ErrorCode[] OfSums =
    [
        .. OfWrites, ErrorCode.ValueTooLong, ErrorCode.PathNotFound, ErrorCode.TooDeep, ErrorCode.Conflict, ErrorCode.NotANumber,
        ErrorCode.NumberOverflow,
    ];

    public static readonly ErrorCode[] OfBatches = [.. OfPatches, ErrorCode.NotANumber, ErrorCode.NumberOverflow];

    public static readonly ErrorCode[] OfWatches =
    [
        ErrorCode.DiskFailed, ErrorCode.Unavailable, ErrorCode.Compacted, ErrorCode.FutureVersion, ErrorCode.TooManyWatches,
        ErrorCode.RepliesFull,
    ];
}
