using KestrelKv.Protocol;

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

    public static IResult MemoryFull() => Problem(
        StatusCodes.Status507InsufficientStorage, ErrorCodes.Text(ErrorCode.MemoryFull), ProtocolError.MemoryFull.Message);

    private static IResult Problem(int status, string code, string detail) =>
        Results.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });
}
