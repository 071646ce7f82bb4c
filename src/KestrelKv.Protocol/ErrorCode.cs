namespace KestrelKv.Protocol;

/// <summary>
/// Every error that the wire or HTTP can answer with. The text of a code is its name in snake case
/// (<see cref="ErrorCodes.Text"/>): <see cref="InvalidJson"/> is <c>invalid_json</c>.
/// </summary>
/// <remarks>
/// The first group answers a refused request: nothing was done, and the connection stays open. The codes up to
/// <see cref="TooDeep"/> are found in the request itself, the later ones only by executing it. From
/// <see cref="UnsupportedVersion"/> on the connection is closed after the reply, because the frame boundaries are lost or because
/// the connection is refused. The codes from <see cref="InvalidRequest"/> on are errors of HTTP alone.
/// </remarks>
public enum ErrorCode
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>The body is not JSON. The message gives the byte offset in the body and the reason.</summary>
    InvalidJson,

    /// <summary>The body is not UTF-8. The message gives the byte offset in the body.</summary>
    InvalidUtf8,

    /// <summary>The body is JSON, but not an object.</summary>
    NotAnObject,

    /// <summary><c>func</c>, or a parameter that the function needs, is missing.</summary>
    MissingParameter,

    /// <summary>A member that the request, or a parameter that the function, does not know.</summary>
    UnknownParameter,

    /// <summary>A member of the request, or a parameter, is given twice.</summary>
    DuplicateParameter,

    /// <summary>A member or parameter has another JSON type than the one expected.</summary>
    WrongType,

    /// <summary>A parameter has a value that is not one of those expected.</summary>
    InvalidValue,

    /// <summary>The key is empty, or holds a surrogate without its other half.</summary>
    InvalidKey,

    /// <summary>The key is longer, in bytes of UTF-8, than <see cref="RequestLimits.KeyBytesMax"/>.</summary>
    KeyTooLong,

    /// <summary>Arrays and objects are nested deeper than <see cref="RequestLimits.JsonDepthMax"/>.</summary>
    TooDeep,

    /// <summary>The write needs more memory than the store may take.</summary>
    MemoryFull,

    /// <summary>The disk has no space for the write.</summary>
    DiskFull,

    /// <summary>
    /// The disk has failed: the write was not acknowledged, and whether it will be there after a restart is not known; or
    /// what was to be read may not be on disk.
    /// </summary>
    DiskFailed,

    /// <summary>A precondition does not hold. The error has the version of the entry.</summary>
    PreconditionFailed,

    /// <summary>There is no entry whose value could be changed.</summary>
    NotFound,

    /// <summary>There is nothing in the value where a part of it is to be changed.</summary>
    PathNotFound,

    /// <summary>What is to be added to is no number.</summary>
    NotANumber,

    /// <summary>The sum can't be given exactly.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> of a JSON Patch does not hold.</summary>
    TestFailed,

    /// <summary>
    /// The value would become longer than <see cref="RequestLimits.FrameBytesMax"/>, or the values of a batch come to too much.
    /// </summary>
    ValueTooLong,

    /// <summary>A JSON Patch has too many operations for so long a value.</summary>
    PatchTooLong,

    /// <summary>The request id was used for another write shortly before.</summary>
    RequestIdReused,

    /// <summary>Other requests changed the entries again and again while this one was being processed. Nothing was done.</summary>
    Conflict,

    /// <summary>
    /// The changes with which a watch would begin or continue are no longer kept. The error has the oldest version that is.
    /// </summary>
    Compacted,

    /// <summary>The version at which a watch would begin is after the next one. The error has the last version.</summary>
    FutureVersion,

    /// <summary>The connection has as many watches as it may have.</summary>
    TooManyWatches,

    /// <summary>The replies that clients have not read take all the memory that replies may take. Nothing was done.</summary>
    RepliesFull,

    /// <summary>The version in the frame's header is not 1.</summary>
    UnsupportedVersion,

    /// <summary>The length in the frame's header is negative.</summary>
    InvalidLength,

    /// <summary>The length in the frame's header is over <see cref="RequestLimits.FrameBytesMax"/>.</summary>
    FrameTooLong,

    /// <summary>The stream ended inside a frame's header or body.</summary>
    TruncatedFrame,

    /// <summary>The bytes are an HTTP request. It is answered in HTTP, so this code is seen in metrics only.</summary>
    HttpRequest,

    /// <summary>The server has as many connections as it is configured to serve.</summary>
    TooManyConnections,

    /// <summary>The peer is not this machine, and the server runs in protected mode.</summary>
    ProtectedMode,

    /// <summary>The connection brought no byte for the configured time.</summary>
    IdleTimeout,

    /// <summary>Requests that have not arrived whole take all the memory that requests may take.</summary>
    RequestsFull,

    /// <summary>A fault of the server's own; its log has the details. Whether a write was done is not known.</summary>
    InternalError,

    /// <summary>The HTTP request cannot be read.</summary>
    InvalidRequest,

    /// <summary>The percent-encoding of the URL is broken, or does not give UTF-8.</summary>
    InvalidEncoding,

    /// <summary>A header has a value that is not one of those expected.</summary>
    InvalidHeader,

    /// <summary>The media type of the body is none of those that PATCH takes.</summary>
    UnsupportedPatch,

    /// <summary>The body is compressed.</summary>
    UnsupportedEncoding,

    /// <summary>The request comes from a page of another site.</summary>
    CrossOrigin,

    /// <summary>The <c>Host</c> of the request is none that this server answers to.</summary>
    HostNotAllowed,

    /// <summary>The path of the URL is none that there is.</summary>
    UnknownRoute,

    /// <summary>The path of the URL does not take this method.</summary>
    MethodNotAllowed,

    /// <summary>The body arrives too slowly.</summary>
    BodyTimeout,

    /// <summary>The server keeps its data in memory alone.</summary>
    NoDataDirectory,

    /// <summary>The server stops.</summary>
    Stopping,
}
