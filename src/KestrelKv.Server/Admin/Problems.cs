using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Admin;

/// <summary>Error responses, <c>application/problem+json</c>; <c>code</c> is for programs, as on the wire.</summary>
internal static class Problems
{
    public static IResult BadRequest(string code, string detail) => Problem(StatusCodes.Status400BadRequest, code, detail);

    public static IResult Of(ProtocolError error) => BadRequest(ErrorCodes.Text(error.Code), error.Message);

    public static IResult NotFound() => Problem(StatusCodes.Status404NotFound, "not_found", "there is no such key");

    public static IResult PreconditionFailed(long version) => Problem(
        StatusCodes.Status412PreconditionFailed, "precondition_failed",
        version == 0 ? "there is no such key" : $"the key's version is {version}");

    /// <summary>Why the store has refused an operation; null where it has not.</summary>
    public static IResult? OfRefusal(ResultStatus status) => status switch
    {
        ResultStatus.MemoryFull => Of(StatusCodes.Status507InsufficientStorage, ProtocolError.MemoryFull),
        ResultStatus.DiskFull => Of(StatusCodes.Status507InsufficientStorage, ProtocolError.DiskFull),
        ResultStatus.DiskFailed => Of(StatusCodes.Status503ServiceUnavailable, ProtocolError.DiskFailed),
        _ => null,
    };

    /// <summary>A snapshot could not be written, or read.</summary>
    public static IResult SnapshotFailed(IOException e) => e is DiskFullException
        ? Problem(StatusCodes.Status507InsufficientStorage, ErrorCodes.Text(ErrorCode.DiskFull), e.Message)
        : Problem(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Text(ErrorCode.DiskFailed), e.Message);

    public static IResult NoDataDirectory() => Problem(
        StatusCodes.Status409Conflict, "no_data_directory", "the server keeps its data in memory alone (Data:Durability)");

    public static IResult Stopping() => Problem(StatusCodes.Status503ServiceUnavailable, "stopping", "the server stops");

    public static IResult CrossOrigin() => Problem(
        StatusCodes.Status403Forbidden, "cross_origin", "a page of another site may not ask for this");

    private static IResult Of(int status, ProtocolError error) => Problem(status, ErrorCodes.Text(error.Code), error.Message);

    private static IResult Problem(int status, string code, string detail) =>
        Results.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });
}
