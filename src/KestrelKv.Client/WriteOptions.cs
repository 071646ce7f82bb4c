namespace KestrelKv.Client;

/// <summary>Options of a write. Not every write uses all of them: an option that a method does not use causes an <see cref="ArgumentException"/>.</summary>
public readonly record struct WriteOptions
{
    /// <summary>The part of the value to write, as a JSON Pointer (RFC 6901) such as <c>/items/0</c>. Null, the default, for the whole value.</summary>
    public string? Path { get; init; }

    /// <summary>The expiry of the entry: see <see cref="Client.Expiry"/>. By default, a put of a whole value clears it and other writes keep it.</summary>
    public Expiry Expiry { get; init; }

    /// <summary>The version that the entry must have; 0 if the key must be missing. Null, the default, for no such precondition.</summary>
    public long? IfVersion { get; init; }

    /// <summary>Whether the key must exist (true) or be missing (false). Null, the default, for no such precondition.</summary>
    public bool? IfExists { get; init; }

    /// <summary>Whether to return the previous value (<see cref="WriteResult.Old"/>). The default is false.</summary>
    public bool ReturnOld { get; init; }

    /// <summary>
    /// Whether the reply may arrive before the write is synced to disk. A crash of the server can then lose the write. The default is false.
    /// </summary>
    public bool AcknowledgeFromMemory { get; init; }

    /// <summary>What happens if the outcome of the write is unknown. Null, the default, for <see cref="KestrelKvClientOptions.Retry"/>.</summary>
    public WriteRetry? Retry { get; init; }

    /// <summary>The deadline of the call; null, the default, for <see cref="KestrelKvClientOptions.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the call fails at once if its connection is broken. Null, the default, for <see cref="KestrelKvClientOptions.FailFast"/>.</summary>
    public bool? FailFast { get; init; }
}
