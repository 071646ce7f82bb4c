namespace KestrelKv.Protocol;

/// <summary>What a request asks for.</summary>
/// <remarks>
/// The order counts: those from <see cref="Get"/> to <see cref="Expire"/> are on one key, and may be part of a batch; each of those after
/// them is executed by itself.
/// </remarks>
public enum Function
{
    /// <summary>The body is not a request: <see cref="Request.Error"/> says why.</summary>
    Invalid,

    /// <summary>A well-formed request for a function that this server does not have.</summary>
    Unknown,

    /// <summary>Read the value of a key.</summary>
    Get,

    /// <summary>Set the value of a key.</summary>
    Put,

    /// <summary>Remove a key.</summary>
    Delete,

    /// <summary>Change parts of the value of a key.</summary>
    Patch,

    /// <summary>Add to a number.</summary>
    Incr,

    /// <summary>Set the expiry of a key.</summary>
    Expire,

    /// <summary>Read many keys at one moment.</summary>
    Mget,

    /// <summary>Execute operations atomically.</summary>
    Batch,

    /// <summary>List or count keys.</summary>
    Scan,

    /// <summary>Follow all changes.</summary>
    Watch,

    /// <summary>End a watch.</summary>
    Unwatch,

    /// <summary>Be answered.</summary>
    Ping,

    /// <summary>Tell figures of the server.</summary>
    Info,

    /// <summary>Tell all functions.</summary>
    Help,
}

/// <summary>One request, as slices of the frame's body that it was parsed from: valid as long as that memory is.</summary>
/// <remarks>Batches of these are copied and cleared, so what is seldom given stands in <see cref="Options"/>.</remarks>
public readonly struct Request
{
    /// <summary>What is asked for.</summary>
    public Function Function { get; init; }

    /// <summary>Whether the reply may be sent before what it tells is on disk, as far as this request is concerned.</summary>
    public bool AcknowledgeFromMemory { get; init; }

    /// <summary>Why this is not a request, where <see cref="Function"/> is <see cref="Function.Invalid"/>; otherwise null.</summary>
    public ProtocolError? Error { get; init; }

    /// <summary>The parameters that GET, PUT, DELETE and INCR in their plainest form do without; null where none is given.</summary>
    public RequestOptions? Options { get; init; }

    /// <summary>
    /// The name that the reply gives back, with its quotes and in the request's own spelling: the key's, or that of
    /// an unknown function.
    /// </summary>
    public ReadOnlyMemory<byte> NameText { get; init; }

    /// <summary>The key, unescaped, in UTF-8.</summary>
    public ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>The text of the value, of the patch, or of the number to add, exactly as it came in.</summary>
    public ReadOnlyMemory<byte> Value { get; init; }

    /// <summary>The client's own name for the request, in its spelling, for the reply to give back; empty for none.</summary>
    public ReadOnlyMemory<byte> IdText { get; init; }

    internal static Request Invalid(ProtocolError error) => new() { Function = Function.Invalid, Error = error };
}
