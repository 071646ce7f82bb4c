namespace KestrelKv.Protocol;

/// <summary>Groups of errors that functions can return, for the table of functions.</summary>
internal static class Outcomes
{
    public static readonly ErrorCode[] OfReads = [ErrorCode.DiskFailed, ErrorCode.RepliesFull];

    public static readonly ErrorCode[] OfWrites =
    [
        ErrorCode.MemoryFull, ErrorCode.DiskFull, ErrorCode.DiskFailed, ErrorCode.PreconditionFailed, ErrorCode.RequestIdReused,
        ErrorCode.ValueTooLong, ErrorCode.RepliesFull,
    ];

    public static readonly ErrorCode[] OfEdits = [.. OfWrites, ErrorCode.NotFound, ErrorCode.PathNotFound, ErrorCode.TooDeep, ErrorCode.Conflict];

    public static readonly ErrorCode[] OfPatches = [.. OfEdits, ErrorCode.TestFailed, ErrorCode.PatchTooLong];

    public static readonly ErrorCode[] OfSums = [.. OfEdits, ErrorCode.NotANumber, ErrorCode.NumberOverflow];

    public static readonly ErrorCode[] OfWatches =
        [ErrorCode.DiskFailed, ErrorCode.Compacted, ErrorCode.FutureVersion, ErrorCode.TooManyWatches, ErrorCode.RepliesFull];
}
