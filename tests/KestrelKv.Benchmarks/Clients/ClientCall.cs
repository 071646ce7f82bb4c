namespace KestrelKv.Benchmarks.Clients;

/// <summary>A call of a client that is compared with the same call of other clients.</summary>
/// <param name="Client">The client.</param>
/// <param name="Call">The name of the call in <see cref="IClientUnderTest"/>.</param>
/// <param name="Note">What distinguishes it from another call of the same client in a table; empty for nothing.</param>
internal sealed record ClientCall(ClientKind Client, string Call, string Note = "")
{
    /// <summary>Reads a value into new memory.</summary>
    public const string Get = "get";

    /// <summary>Reads a value into memory that is used again.</summary>
    public const string GetReused = "get-reused";

    /// <summary>Writes a value, with the client's default retries.</summary>
    public const string Put = "put";

    /// <summary>Writes a value. A retry may write it twice.</summary>
    public const string PutAtLeastOnce = "put-at-least-once";

    /// <summary>Writes a cache entry with a sliding expiry.</summary>
    public const string PutSliding = "put-sliding";

    /// <summary>Reads a cache entry with a sliding expiry, and extends it if necessary.</summary>
    public const string GetSliding = "get-sliding";

    public string Label => Note.Length == 0 ? Client.Name : $"{Client.Name}, {Note}";
}
