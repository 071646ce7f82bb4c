using System.Text.Json;

namespace KestrelKv.Protocol;

/// <summary>The text, HTTP status and title of each error code, for the wire and HTTP.</summary>
public static class ErrorCodes
{
    private static readonly Row[] Table =
    [
        new(ErrorCode.None, 200, "No error"),
        new(ErrorCode.InvalidJson, 400, "The text is not JSON"),
        new(ErrorCode.InvalidUtf8, 400, "The text is not UTF-8"),
        new(ErrorCode.NotAnObject, 400, "The body is not an object"),
        new(ErrorCode.MissingParameter, 400, "A parameter is missing"),
        new(ErrorCode.UnknownParameter, 400, "A parameter is unknown"),
        new(ErrorCode.DuplicateParameter, 400, "A parameter is given twice"),
        new(ErrorCode.WrongType, 400, "A parameter has the wrong JSON type"),
        new(ErrorCode.InvalidValue, 400, "A parameter has an invalid value"),
        new(ErrorCode.InvalidKey, 400, "The key is invalid"),
        new(ErrorCode.KeyTooLong, 400, "The key is too long"),
        new(ErrorCode.TooDeep, 400, "The value is nested too deeply"),
        new(ErrorCode.AuthRequired, 401, "Authentication is required"),
        new(ErrorCode.Forbidden, 403, "The client may not do this"),
        new(ErrorCode.AuthFailed, 401, "The authentication has failed"),
        new(ErrorCode.TlsRequired, 403, "TLS is required"),
        new(ErrorCode.MemoryFull, 507, "The store is out of memory"),
        new(ErrorCode.DiskFull, 507, "The disk is full"),
        new(ErrorCode.DiskFailed, 503, "The disk has failed"),
        new(ErrorCode.Unavailable, 503, "The database is not available"),
        new(ErrorCode.OutcomeUnknown, 504, "The outcome of the write is unknown"),
        new(ErrorCode.PreconditionFailed, 412, "A precondition does not hold"),
        new(ErrorCode.NotFound, 404, "The key does not exist"),
        new(ErrorCode.PathNotFound, 409, "The path does not exist"),
        new(ErrorCode.NotANumber, 409, "The value is not a number"),
        new(ErrorCode.NumberOverflow, 409, "The sum cannot be represented exactly"),
        new(ErrorCode.TestFailed, 409, "A test of the patch does not hold"),
        new(ErrorCode.ValueTooLong, 413, "The value is too long"),
        new(ErrorCode.PatchTooLong, 413, "The patch processes too many bytes"),
        new(ErrorCode.RequestIdReused, 422, "The request id was used for a different request"),
        new(ErrorCode.Conflict, 409, "Concurrent requests changed the entries"),
        new(ErrorCode.Compacted, 410, "The changes are no longer kept"),
        new(ErrorCode.FutureVersion, 400, "The version does not exist yet"),
        new(ErrorCode.TooManyWatches, 503, "Too many watches are open"),
        new(ErrorCode.RepliesFull, 503, "Unread replies use all memory for replies"),
        new(ErrorCode.UnsupportedVersion, 400, "The frame has an unsupported version"),
        new(ErrorCode.InvalidLength, 400, "The frame has an invalid length"),
        new(ErrorCode.FrameTooLong, 413, "The request is too long"),
        new(ErrorCode.TruncatedFrame, 400, "The request is truncated"),
        new(ErrorCode.HttpRequest, 400, "The request is HTTP"),
        new(ErrorCode.TooManyConnections, 503, "Too many connections are open"),
        new(ErrorCode.ProtectedMode, 403, "The server is in protected mode"),
        new(ErrorCode.IdleTimeout, 408, "The connection was idle for too long"),
        new(ErrorCode.AuthTimeout, 408, "The client did not authenticate in time"),
        new(ErrorCode.AuthRevoked, 401, "The credentials are no longer valid"),
        new(ErrorCode.RequestsFull, 503, "Large requests use all memory for requests"),
        new(ErrorCode.InternalError, 500, "Internal server error"),
        new(ErrorCode.InvalidRequest, 400, "The request cannot be read"),
        new(ErrorCode.InvalidEncoding, 400, "The URL is invalid"),
        new(ErrorCode.InvalidHeader, 400, "A header has an invalid value"),
        new(ErrorCode.UnsupportedPatch, 415, "The patch has an unsupported type"),
        new(ErrorCode.UnsupportedEncoding, 415, "The body has an unsupported encoding"),
        new(ErrorCode.CrossOrigin, 403, "The request comes from another site"),
        new(ErrorCode.HostNotAllowed, 400, "The host is not allowed"),
        new(ErrorCode.UnknownRoute, 404, "The URL path is unknown"),
        new(ErrorCode.MethodNotAllowed, 405, "The method is not allowed"),
        new(ErrorCode.BodyTimeout, 408, "The body arrives too slowly"),
        new(ErrorCode.NoDataDirectory, 409, "The server has no data directory"),
        new(ErrorCode.Stopping, 503, "The server is stopping"),
    ];

    private static readonly string[] Texts =
        [.. Enum.GetNames<ErrorCode>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    /// <summary>The number of error codes, for tables indexed by them.</summary>
    public static int Count => Texts.Length;

    /// <summary>The errors of invalid requests and of connections, which any function can return.</summary>
    public static IEnumerable<ErrorCode> OfRequests { get; } =
    [
        .. Enum.GetValues<ErrorCode>().Where(code => code is
            (> ErrorCode.None and <= ErrorCode.Forbidden) or (>= ErrorCode.UnsupportedVersion and <= ErrorCode.InternalError)),
    ];

    /// <summary>Returns the code as the wire, HTTP and the metrics spell it, such as <c>invalid_json</c>.</summary>
    public static string Text(ErrorCode code) => Texts[(int)code];

    /// <summary>Returns the HTTP status of the error.</summary>
    public static int Status(ErrorCode code) => Table[(int)code].Status;

    /// <summary>Returns the short description of the error, in English.</summary>
    public static string Title(ErrorCode code) => Table[(int)code].Title;

    /// <summary>Returns the code of a row of the table. A test compares it with the row's index.</summary>
    internal static ErrorCode CodeAt(int place) => Table[place].Code;

    private sealed record Row(ErrorCode Code, int Status, string Title);
}
