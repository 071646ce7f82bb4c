namespace KestrelKv.Storage;

/// <summary>How an operation ended.</summary>
public enum ResultStatus
{
    /// <summary>It was done.</summary>
    Done,

    /// <summary>There is no entry to read, remove or set the expiry of.</summary>
    NotFound,

    /// <summary>Its precondition does not hold; nothing was changed.</summary>
    PreconditionFailed,

    /// <summary>It would take more memory than the store may have, and none could be made free; nothing was changed.</summary>
    MemoryFull,

    /// <summary>It is a write, and the disk has no space for it; nothing was changed.</summary>
    DiskFull,

    /// <summary>
    /// The disk has failed. A write was not done; an entry was not read because its last change may not be on disk.
    /// </summary>
    DiskFailed,
}

/// <summary>The result of one operation.</summary>
public readonly ref struct OperationResult
{
    /// <summary>How it ended.</summary>
    public ResultStatus Status { get; init; }

    /// <summary>
    /// The version of the entry that was read, or of the change that was made; where the precondition failed, the
    /// version of the entry that there is. 0 where there is none.
    /// </summary>
    public long Version { get; init; }

    /// <summary>The version that the entry had before the operation; 0 where there was none.</summary>
    public long PreviousVersion { get; init; }

    /// <summary>When the entry that was read expires, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>The value that was read. Valid only during the call that hands it over.</summary>
    public ReadOnlySpan<byte> Value { get; init; }
}
