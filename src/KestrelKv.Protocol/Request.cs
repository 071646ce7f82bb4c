using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>The functions of requests.</summary>
/// <remarks>
/// The order matters: the functions from <see cref="Get"/> to <see cref="Expire"/> have one key and are allowed in a batch. Later ones
/// are not.
/// </remarks>
public enum Function
{
    /// <summary>The body is not a valid request: <see cref="Request.Error"/> has the reason.</summary>
    Invalid,

    /// <summary>A well-formed request for an unknown function.</summary>
    Unknown,

    /// <summary>Returns the value of a key.</summary>
    Get,

    /// <summary>Sets the value of a key.</summary>
    Put,

    /// <summary>Removes a key.</summary>
    Delete,

    /// <summary>Changes parts of the value of a key.</summary>
    Patch,

    /// <summary>Adds a number to a number.</summary>
    Incr,

    /// <summary>Sets or clears the expiry of a key.</summary>
    Expire,

    /// <summary>Reads many keys from one consistent snapshot.</summary>
    Mget,

    /// <summary>Executes operations atomically.</summary>
    Batch,

    /// <summary>Lists or counts keys.</summary>
    Scan,

    /// <summary>Streams changes.</summary>
    Watch,

    /// <summary>Ends a watch.</summary>
    Unwatch,

    /// <summary>Returns pong.</summary>
    Ping,

    /// <summary>Returns statistics of the server.</summary>
    Info,

    /// <summary>Lists all functions.</summary>
    Help,

    /// <summary>Authenticates the client.</summary>
    Auth,
}

/// <summary>A request as slices of the frame's body, valid as long as the body's memory.</summary>
/// <remarks>
/// Batches of requests are constantly written, read and cleared. The struct is therefore small and has few references: each reference
/// written to an array costs a write barrier. Rare parameters are in <see cref="Options"/>.
/// </remarks>
public struct Request
{
    /// <summary>The text that the slices refer to.</summary>
    internal ReadOnlyMemory<byte> Body;

    internal JsonSlice NameSlice;
    internal JsonSlice KeySlice;
    internal JsonSlice ValueSlice;
    internal JsonSlice IdSlice;

    /// <summary>
    /// The request id of a request that the fast parser read, so that the id costs no object. Otherwise <see cref="Options"/> has it,
    /// and takes precedence.
    /// </summary>
    internal JsonSlice RequestIdSlice;

    /// <summary>The sequence of <see cref="RequestIdSlice"/>; 0 for none.</summary>
    internal long RequestIdSequence;

    /// <summary>The offset in the body of the characters of <c>trace</c>; 0 for none. A valid one ends at the next quote.</summary>
    internal int TraceStart;

    // A byte, so that the offset takes no more memory.
    private byte _function;

    /// <summary>The unescaped key if the key has escapes; otherwise null, and <see cref="KeySlice"/> is the key.</summary>
    internal byte[]? UnescapedKey;

    /// <summary>The function.</summary>
    public Function Function
    {
        readonly get => (Function)_function;
        internal set => _function = (byte)value;
    }

    /// <summary>Whether the reply may be sent before the data in it is durable.</summary>
    public bool AcknowledgeFromMemory { readonly get; internal set; }

    /// <summary>The error if <see cref="Function"/> is <see cref="Function.Invalid"/>; otherwise null.</summary>
    public ProtocolError? Error { readonly get; internal set; }

    /// <summary>
    /// The less common parameters; null if none is given to GET, PUT, DELETE or INCR. <see cref="RequestId"/> may exist without it.
    /// </summary>
    public RequestOptions? Options { readonly get; internal set; }

    /// <summary>
    /// The key or the unknown function name that the reply returns, with quotes and in the request's spelling.
    /// </summary>
    public readonly ReadOnlyMemory<byte> NameText => NameSlice.Of(Body);

    /// <summary>The unescaped key in UTF-8.</summary>
    public readonly ReadOnlyMemory<byte> Key => UnescapedKey ?? KeySlice.Of(Body);

    /// <summary>The exact text of the value, the patch, or the number to add.</summary>
    public readonly ReadOnlyMemory<byte> Value => ValueSlice.Of(Body);

    /// <summary>The id that makes retries safe; empty for none.</summary>
    public readonly ReadOnlyMemory<byte> RequestId =>
        Options is { RequestId.IsEmpty: false } options ? options.RequestId : RequestIdSlice.Of(Body);

    /// <summary>The sequence of <see cref="RequestId"/>; 0 for none.</summary>
    public readonly long RequestSequence =>
        Options is { RequestId.IsEmpty: false } options ? options.RequestSequence : RequestIdSequence;

    /// <summary>Whether there is a <see cref="RequestId"/>.</summary>
    public readonly bool HasRequestId => RequestIdSlice.Length > 0 || Options is { RequestId.IsEmpty: false };

    /// <summary>The request's id as spelled, which the reply returns; empty for none.</summary>
    public readonly ReadOnlyMemory<byte> IdText => IdSlice.Of(Body);

    /// <summary>Whether the request has a <c>trace</c>.</summary>
    public readonly bool HasTrace => TraceStart > 0;

    /// <summary>The valid <see cref="TraceParent"/> of the client's span; empty for none.</summary>
    public readonly ReadOnlySpan<byte> Trace
    {
        get
        {
            if (TraceStart == 0) return default;
            ReadOnlySpan<byte> text = Body.Span[TraceStart..];
            text = text[..text.IndexOf((byte)'"')];

            // A longer text has escapes.
            if (text.Length == TraceParent.Bytes) return text;
            JsonString.TryUnescape(text, out byte[] characters);
            return characters;
        }
    }

    /// <summary>Returns the refused request, which keeps only its id and trace.</summary>
    public readonly Request Refused(ProtocolError error) =>
        Invalid(error) with { Body = Body, IdSlice = IdSlice, TraceStart = TraceStart };

    /// <summary>Returns this request with a precondition: the version of the entry, 0 for a missing key.</summary>
    public readonly Request IfVersion(long version) =>
        this with { Options = (Options ?? RequestOptions.None) with { IfVersion = version } };

    /// <summary>Returns a GET of the same key, without other parameters.</summary>
    public readonly Request AsRead() => this with
    {
        Function = Function.Get, ValueSlice = default, RequestIdSlice = default, RequestIdSequence = 0, Options = null,
    };

    /// <summary>Returns an INFO that returns only the server's name and version.</summary>
    public readonly Request AsBrief() => this with { Options = RequestOptions.None with { IsBrief = true } };

    /// <summary>Returns this request with another request id, and the same sequence.</summary>
    public readonly Request Called(ReadOnlyMemory<byte> requestId) => this with
    {
        Options = (Options ?? RequestOptions.None) with { RequestId = requestId, RequestSequence = RequestSequence },
    };

    /// <summary>Returns a refused request.</summary>
    public static Request Invalid(ProtocolError error) => new() { Function = Function.Invalid, Error = error };
}
