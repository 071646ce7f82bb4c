namespace KestrelKv.Protocol;

/// <summary>
/// The error codes of the wire and of HTTP. The text of a code is its name in snake case (<see cref="ErrorCodes.Text"/>):
/// <see cref="InvalidJson"/> is <c>invalid_json</c>.
/// </summary>
/// <remarks>
/// The codes before <see cref="UnsupportedVersion"/> keep the connection open. The request had no effect, except perhaps after
/// <see cref="DiskFailed"/> and <see cref="OutcomeUnknown"/>. The parser reports the codes up to <see cref="TooDeep"/>, the check of the client's rights the next two, and the
/// execution later ones. The codes from
/// <see cref="UnsupportedVersion"/> on close the connection after the reply, because the frame boundaries are lost or the client is not
/// admitted. Only HTTP uses the codes from <see cref="InvalidRequest"/> on.
/// </remarks>
public enum ErrorCode
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>The body is not JSON. The message has the byte offset in the body and the reason.</summary>
    InvalidJson,

    /// <summary>The body is not UTF-8. The message has the byte offset in the body.</summary>
    InvalidUtf8,

    /// <summary>The body is JSON, but not an object.</summary>
    NotAnObject,

    /// <summary><c>func</c>, <c>params</c> or a required parameter is missing.</summary>
    MissingParameter,

    /// <summary>A member of the request or a parameter is unknown.</summary>
    UnknownParameter,

    /// <summary>A member of the request or a parameter is given twice.</summary>
    DuplicateParameter,

    /// <summary>A member or parameter has an unexpected JSON type.</summary>
    WrongType,

    /// <summary>A parameter has an invalid value.</summary>
    InvalidValue,

    /// <summary>The key is empty or has a lone surrogate.</summary>
    InvalidKey,

    /// <summary>The key exceeds <see cref="RequestLimits.KeyBytesMax"/> bytes of UTF-8.</summary>
    KeyTooLong,

    /// <summary>The value is nested deeper than <see cref="RequestLimits.JsonDepthMax"/>.</summary>
    TooDeep,

    /// <summary>The client must authenticate first.</summary>
    AuthRequired,

    /// <summary>The client may not do this with these keys.</summary>
    Forbidden,

    /// <summary>The user is unknown or disabled, or the secret is wrong, revoked or expired.</summary>
    AuthFailed,

    /// <summary>A secret was sent without TLS from another machine.</summary>
    TlsRequired,

    /// <summary>The write exceeds the memory limit of the store or the memory of the system.</summary>
    MemoryFull,

    /// <summary>The disk has no space for the write.</summary>
    DiskFull,

    /// <summary>
    /// The disk has failed. A write may or may not exist after a restart; the data of a read may not be on disk.
    /// </summary>
    DiskFailed,

    /// <summary>The database of the store did not answer in time, or refused. The request had no effect.</summary>
    Unavailable,

    /// <summary>The database failed during the commit. The write may take effect at any later time, or not at all.</summary>
    OutcomeUnknown,

    /// <summary>A precondition does not hold. The error has the version of the entry.</summary>
    PreconditionFailed,

    /// <summary>The key of the part to change is missing.</summary>
    NotFound,

    /// <summary>The part to change, or its parent, is missing.</summary>
    PathNotFound,

    /// <summary>The value to increment is not a number.</summary>
    NotANumber,

    /// <summary>The sum cannot be represented exactly.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> of a JSON Patch does not hold.</summary>
    TestFailed,

    /// <summary>
    /// The value would exceed <see cref="RequestLimits.FrameBytesMax"/>, or a total of a BATCH or MGET its limit.
    /// </summary>
    ValueTooLong,

    /// <summary>The operations of a patch, or of all patches of a batch, process too many bytes.</summary>
    PatchTooLong,

    /// <summary>The request id was recently used for a different request.</summary>
    RequestIdReused,

    /// <summary>Concurrent requests repeatedly changed the entries. The request had no effect.</summary>
    Conflict,

    /// <summary>
    /// The next changes of a watch are no longer kept. The error has the oldest version at which a watch can begin.
    /// </summary>
    Compacted,

    /// <summary>The first version of a watch exceeds the next version. The error has the last version.</summary>
    FutureVersion,

    /// <summary>The maximum number of watches is open.</summary>
    TooManyWatches,

    /// <summary>Unread replies use all memory for replies. The request had no effect.</summary>
    RepliesFull,

    /// <summary>The version in the frame's header is not 1.</summary>
    UnsupportedVersion,

    /// <summary>The length in the frame's header is negative.</summary>
    InvalidLength,

    /// <summary>The length in the frame's header exceeds <see cref="RequestLimits.FrameBytesMax"/>.</summary>
    FrameTooLong,

    /// <summary>The stream ended inside a frame's header or body.</summary>
    TruncatedFrame,

    /// <summary>The bytes are an HTTP request. The reply is HTTP, so only metrics show this code.</summary>
    HttpRequest,

    /// <summary>The maximum number of connections is open.</summary>
    TooManyConnections,

    /// <summary>The client is on another machine, and protected mode is on.</summary>
    ProtectedMode,

    /// <summary>No byte arrived for the configured time.</summary>
    IdleTimeout,

    /// <summary>The client did not authenticate in time.</summary>
    AuthTimeout,

    /// <summary>The user was removed or disabled, or the secret was revoked or has expired.</summary>
    AuthRevoked,

    /// <summary>Large requests use all memory for requests. This request had no effect.</summary>
    RequestsFull,

    /// <summary>A fault in the server; the log has details. A write may or may not have been executed.</summary>
    InternalError,

    /// <summary>The HTTP request cannot be read.</summary>
    InvalidRequest,

    /// <summary>The percent-encoding of the URL is broken, or does not decode to UTF-8.</summary>
    InvalidEncoding,

    /// <summary>A header has an invalid value.</summary>
    InvalidHeader,

    /// <summary>The media type of the body is not supported by PATCH.</summary>
    UnsupportedPatch,

    /// <summary>The body has a Content-Encoding.</summary>
    UnsupportedEncoding,

    /// <summary>The request comes from a page of another site.</summary>
    CrossOrigin,

    /// <summary>The <c>Host</c> of the request is not allowed.</summary>
    HostNotAllowed,

    /// <summary>The path of the URL is unknown.</summary>
    UnknownRoute,

    /// <summary>The path of the URL does not support this method.</summary>
    MethodNotAllowed,

    /// <summary>The body arrives too slowly.</summary>
    BodyTimeout,

    /// <summary>The server has no data directory.</summary>
    NoDataDirectory,

    /// <summary>The server is stopping.</summary>
    Stopping,
}
