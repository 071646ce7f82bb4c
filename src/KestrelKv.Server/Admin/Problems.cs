using KestrelKv.Protocol;
using KestrelKv.Storage.Files;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Error responses, <c>application/problem+json</c>: status, title and <c>code</c> are those of <see cref="ErrorCodes"/>.
/// </summary>
internal static class Problems
{
    public static IResult Of(ProtocolError error, int? status = null)
    {
        Dictionary<string, object?> extensions = new() { ["code"] = ErrorCodes.Text(error.Code) };
        if (error.Index is { } index) extensions["index"] = index;
        if (error.Version is { } version) extensions["version"] = version;
        if (error.OldestVersion is { } oldest) extensions["oldest_version"] = oldest;
        return Results.Problem(
            error.Message, statusCode: status ?? ErrorCodes.Status(error.Code), title: ErrorCodes.Title(error.Code),
            extensions: extensions);
    }

    public static IResult NotFound() => Of(ErrorCode.NotFound, "the key does not exist");

    /// <summary>Returns 404 for a read of a missing part of a value. On the wire this is a result, not an error.</summary>
    public static IResult PartNotFound() => Of(
        new(ErrorCode.PathNotFound, "the path does not exist in the value"), StatusCodes.Status404NotFound);

    /// <summary>Returns the error for a snapshot that could not be written or read.</summary>
    public static IResult SnapshotFailed(IOException e) =>
        Of(e is DiskFullException ? ErrorCode.DiskFull : ErrorCode.DiskFailed, e.Message);

    public static IResult NoDataDirectory() => Of(
        ErrorCode.NoDataDirectory, "the server has no data directory, because KestrelKv:Data:Durability is Memory or KestrelKv:Store:Engine is Postgres");

    public static IResult HostNotAllowed(string host) => Of(
        ErrorCode.HostNotAllowed,
        $"the Host is {host}, expected localhost, an IP address or a name in the setting KestrelKv:Admin:AllowedHosts");

    public static IResult Stopping() => Of(ErrorCode.Stopping, "the server is stopping");

    public static IResult Of(ErrorCode code, string message) => Of(new ProtocolError(code, message));
}
