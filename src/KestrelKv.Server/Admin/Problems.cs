using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Error responses, <c>application/problem+json</c>; <c>code</c> is for programs, as on the wire.</summary>
internal static class Problems
{
    public static IResult BadRequest(string code, string detail) => Problem(StatusCodes.Status400BadRequest, code, detail);

    /// <summary>What is wrong with a request as such.</summary>
    public static IResult Of(ProtocolError error) =>
        Problem(StatusCodes.Status400BadRequest, ErrorCodes.Text(error.Code), error.Message, error.Index);

    public static IResult NotFound() => Problem(StatusCodes.Status404NotFound, "not_found", "there is no such key");

    public static IResult PreconditionFailed(long version) =>
        Of(OperationKind.Get, KeyResult.OfLostPrecondition(version))!;

    public static IResult PathNotFound() => Problem(
        StatusCodes.Status404NotFound, ErrorCodes.Text(ErrorCode.PathNotFound), "there is nothing in the value at this path");

    public static IResult UnsupportedPatch(string? type) => Problem(
        StatusCodes.Status415UnsupportedMediaType, "unsupported_patch",
        $"the Content-Type is {type ?? "not given"}, expected {KeyEndpoints.MergePatchType} or {KeyEndpoints.JsonPatchType}");

    /// <summary>Why the store has refused an operation; null where it has not, or has found nothing.</summary>
    public static IResult? Of(OperationKind kind, KeyResult result) =>
        ResultErrors.Find(kind, new() { Status = result.Status, Version = result.Version, Detail = result.Detail }) is { } error
            ? OfRefusal(error)
            : null;

    /// <summary>A refusal of the store, with the status that says so in HTTP.</summary>
    public static IResult OfRefusal(ProtocolError error) => Problem(
        error.Code switch
        {
            ErrorCode.NotFound => StatusCodes.Status404NotFound,
            ErrorCode.PathNotFound or ErrorCode.NotANumber or ErrorCode.NumberOverflow or ErrorCode.TestFailed or ErrorCode.TooDeep =>
                StatusCodes.Status409Conflict,
            ErrorCode.PreconditionFailed => StatusCodes.Status412PreconditionFailed,
            ErrorCode.Compacted => StatusCodes.Status410Gone,
            ErrorCode.ValueTooLong or ErrorCode.PatchTooLong => StatusCodes.Status413PayloadTooLarge,
            ErrorCode.RequestIdReused => StatusCodes.Status422UnprocessableEntity,
            ErrorCode.DiskFailed => StatusCodes.Status503ServiceUnavailable,
            ErrorCode.MemoryFull or ErrorCode.DiskFull => StatusCodes.Status507InsufficientStorage,
            _ => StatusCodes.Status400BadRequest,
        },
        ErrorCodes.Text(error.Code), error.Message, error.Index, error.Version, error.OldestVersion);

    /// <summary>A snapshot could not be written, or read.</summary>
    public static IResult SnapshotFailed(IOException e) => e is DiskFullException
        ? Problem(StatusCodes.Status507InsufficientStorage, ErrorCodes.Text(ErrorCode.DiskFull), e.Message)
        : Problem(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Text(ErrorCode.DiskFailed), e.Message);

    public static IResult NoDataDirectory() => Problem(
        StatusCodes.Status409Conflict, "no_data_directory", "the server keeps its data in memory alone (Data:Durability)");

    public static IResult Stopping() => Problem(StatusCodes.Status503ServiceUnavailable, "stopping", "the server stops");

    public static IResult TooManyWatches(int max) => Problem(
        StatusCodes.Status503ServiceUnavailable, ErrorCodes.Text(ErrorCode.TooManyWatches),
        $"{max} streams of events are open, which is the most that there may be (Admin:WatchesMax)");

    public static IResult CrossOrigin() => Problem(
        StatusCodes.Status403Forbidden, "cross_origin", "a page of another site may not ask for this");

    public static IResult HostNotAllowed(string host) => Problem(
        StatusCodes.Status400BadRequest, "host_not_allowed",
        $"the Host is {host}, expected localhost, an IP address or a name in the setting KestrelKv:Admin:AllowedHosts");

    private static IResult Problem(
        int status, string code, string detail, int? index = null, long? version = null, long? oldestVersion = null)
    {
        Dictionary<string, object?> extensions = new() { ["code"] = code };
        if (index is not null) extensions["index"] = index;
        if (version is not null) extensions["version"] = version;
        if (oldestVersion is not null) extensions["oldest_version"] = oldestVersion;
        return Results.Problem(detail, statusCode: status, extensions: extensions);
    }
}
