using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>What a request asks for.</summary>
/// <remarks>
/// The order matters: the functions from <see cref="Get"/> to <see cref="Expire"/> work on one key and may be part of a batch. Those
/// after them are unbatched.
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

    /// <summary>Read many keys as one consistent snapshot.</summary>
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

    /// <summary>Return figures of the server.</summary>
    Info,

    /// <summary>List all functions.</summary>
    Help,
}

/// <summary>One request, as slices of the frame's body that it was parsed from: valid as long as that memory is.</summary>
/// <remarks>
/// Batches of these are written, read and cleared all the time. So it is small, and refers to as little as it can: each reference that is
/// written to an array costs a barrier. What is seldom given stands in <see cref="Options"/>.
/// </remarks>
public struct Request
{
    /// <summary>What the slices are of.</summary>
    internal ReadOnlyMemory<byte> Body;

    internal JsonSlice NameSlice;
    internal JsonSlice KeySlice;
    internal JsonSlice ValueSlice;
    internal JsonSlice IdSlice;

    /// <summary>The key where it does not stand in the body as it is, and <see cref="KeySlice"/> is not it; otherwise null.</summary>
    internal byte[]? UnescapedKey;

    /// <summary>What is asked for.</summary>
    public Function Function { readonly get; internal set; }

    /// <summary>Whether the reply may be sent before the request is durable.</summary>
    public bool AcknowledgeFromMemory { readonly get; internal set; }

    /// <summary>Why this is not a request, where <see cref="Function"/> is <see cref="Function.Invalid"/>; otherwise null.</summary>
    public ProtocolError? Error { readonly get; internal set; }

    /// <summary>The parameters that GET, PUT, DELETE and INCR in their plainest form do without; null where none is given.</summary>
    public RequestOptions? Options { readonly get; internal set; }

    /// <summary>
    /// The name that the reply gives back, with its quotes and in the request's own spelling: the key's, or that of
    /// an unknown function.
    /// </summary>
    public readonly ReadOnlyMemory<byte> NameText => NameSlice.Of(Body);

    /// <summary>The key, unescaped, in UTF-8.</summary>
    public readonly ReadOnlyMemory<byte> Key => UnescapedKey ?? KeySlice.Of(Body);

    /// <summary>The text of the value, of the patch, or of the number to add, exactly as it came in.</summary>
    public readonly ReadOnlyMemory<byte> Value => ValueSlice.Of(Body);

    /// <summary>The client's own name for the request, in its spelling, for the reply to give back; empty for none.</summary>
    public readonly ReadOnlyMemory<byte> IdText => IdSlice.Of(Body);

    /// <summary>This request, refused: only its id is left.</summary>
    public readonly Request Refused(ProtocolError error) => Invalid(error) with { Body = Body, IdSlice = IdSlice };

    /// <summary>This request, done only if the entry has this version; 0 for none.</summary>
    public readonly Request IfVersion(long version) => this with { Options = (Options ?? RequestOptions.None) with { IfVersion = version } };

    /// <summary>A read of the same key, without parameters.</summary>
    public readonly Request AsRead() => this with { Function = Function.Get, ValueSlice = default, Options = null };

    /// <summary>This request under the name that its client gives it.</summary>
    public readonly Request Called(ReadOnlyMemory<byte> requestId) =>
        this with { Options = (Options ?? RequestOptions.None) with { RequestId = requestId } };

    /// <summary>A request that is refused.</summary>
    public static Request Invalid(ProtocolError error) => new() { Function = Function.Invalid, Error = error };
}
