using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>
/// Which errors functions answer with, beside those of requests that are none. Each is a series of the metric from the start.
/// </summary>
internal static class Outcomes
{
    private static readonly ErrorCode[] OfWrites =
    [
        ErrorCode.MemoryFull, ErrorCode.DiskFull, ErrorCode.DiskFailed, ErrorCode.PreconditionFailed, ErrorCode.RequestIdReused,
        ErrorCode.ValueTooLong, ErrorCode.RepliesFull,
    ];

    private static readonly ErrorCode[] OfEdits =
    [
        .. OfWrites, ErrorCode.NotFound, ErrorCode.PathNotFound, ErrorCode.TooDeep,
    ];

    private static readonly ErrorCode[] OfPatches = [ErrorCode.TestFailed, ErrorCode.PatchTooLong];

    private static readonly ErrorCode[] OfSums = [ErrorCode.NotANumber, ErrorCode.NumberOverflow];

    /// <summary>The errors that there are for a function.</summary>
    public static IEnumerable<ErrorCode> Of(Function function) => function switch
    {
        Function.Invalid => Enum.GetValues<ErrorCode>().Where(IsOfRequests),
        Function.Get or Function.Scan => [ErrorCode.DiskFailed, ErrorCode.RepliesFull],
        Function.Mget => [ErrorCode.DiskFailed, ErrorCode.ValueTooLong, ErrorCode.RepliesFull],
        Function.Put => OfEdits,
        Function.Delete or Function.Expire => OfWrites,
        Function.Patch => [.. OfEdits, .. OfPatches],
        Function.Incr => [.. OfEdits, .. OfSums],
        Function.Batch => [.. OfEdits, .. OfSums, .. OfPatches],
        Function.Watch => [ErrorCode.DiskFailed, ErrorCode.Compacted, ErrorCode.FutureVersion, ErrorCode.TooManyWatches, ErrorCode.RepliesFull],
        Function.Unwatch => [ErrorCode.InvalidValue],
        _ => [],
    };

    private static bool IsOfRequests(ErrorCode code) =>
        code is > ErrorCode.None and <= ErrorCode.TooDeep or >= ErrorCode.UnsupportedVersion;
}
