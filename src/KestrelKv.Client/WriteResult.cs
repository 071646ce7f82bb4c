namespace KestrelKv.Client;

/// <summary>The result of a write that the server has answered.</summary>
public readonly record struct WriteResult
{
    /// <summary>Whether the write took effect, or why it did not.</summary>
    public WriteStatus Status { get; init; }

    /// <summary>Whether the write took effect. A DELETE or EXPIRE of a missing key counts as applied.</summary>
    public bool Applied => Status == WriteStatus.Applied;

    /// <summary>Whether the key existed before the write.</summary>
    public bool Existed { get; init; }

    /// <summary>
    /// The version of the entry after the write, or that of the removal; 0 if the key is missing. If the precondition failed, the current
    /// version.
    /// </summary>
    public long Version { get; init; }

    /// <summary>The time at which the entry expires, to the millisecond; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>
    /// The JSON text of the value before the write, or the four bytes <c>null</c> if the key was missing. Empty if
    /// <see cref="WriteOptions.ReturnOld"/> was not set. The memory belongs to the caller.
    /// </summary>
    public ReadOnlyMemory<byte> Old { get; init; }
}

/// <summary>Whether a write took effect.</summary>
public enum WriteStatus
{
    /// <summary>The write took effect.</summary>
    Applied,

    /// <summary>The precondition (<see cref="WriteOptions.IfVersion"/> or <see cref="WriteOptions.IfExists"/>) did not hold.</summary>
    PreconditionFailed,

    /// <summary>A <c>test</c> operation of a JSON Patch failed.</summary>
    TestFailed,

    /// <summary>The key, a part of which was to be changed, is missing.</summary>
    NotFound,

    /// <summary>The part to change, or its parent, is missing.</summary>
    PathNotFound,
}
