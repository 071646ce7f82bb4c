namespace KestrelKv.Storage;

/// <summary>How an operation ended.</summary>
/// <remarks>Idempotency records store these numbers, also on disk: never renumber, append new values.</remarks>
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

    /// <summary>There is nothing at the path that is to be read or changed, or no entry at all; nothing was changed.</summary>
    PathNotFound,

    /// <summary>What is to be added to is no number; nothing was changed.</summary>
    NotANumber,

    /// <summary>The sum can't be given exactly (<see cref="OperationKind.Increment"/>); nothing was changed.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> of a JSON Patch does not hold; nothing was changed.</summary>
    TestFailed,

    /// <summary>
    /// The value would become longer than the store is configured to take, or the values of a batch come to too much; nothing was
    /// changed.
    /// </summary>
    ValueTooLong,

    /// <summary>The value would become nested deeper than the store is configured to take; nothing was changed.</summary>
    TooDeep,

    /// <summary>A JSON Patch has so many operations, on so long a value, that it would take too long; nothing was changed.</summary>
    PatchTooLong,

    /// <summary>The request id was used for another batch shortly before; nothing was changed.</summary>
    RequestIdReused,

    /// <summary>Other calls changed the entries again and again while it was being worked on; nothing was changed. It may be sent again.</summary>
    Conflict,
}

/// <summary>The result of one operation.</summary>
public readonly ref struct OperationResult
{
    /// <summary>How it ended.</summary>
    public ResultStatus Status { get; init; }

    /// <summary>
    /// The version of the entry that was read, or of the change that was made; where the precondition failed, the
    /// version of the entry that there is (and not what the same batch has made of it). 0 where there is none.
    /// </summary>
    public long Version { get; init; }

    /// <summary>The version that the entry had before the operation; 0 where there was none.</summary>
    public long PreviousVersion { get; init; }

    /// <summary>When the entry that was read, or written, expires, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>
    /// The value, or the part of it, that was read; the sum of an <see cref="OperationKind.Increment"/>. Valid only during the
    /// call that hands it over.
    /// </summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>
    /// The value before a write, where <see cref="Operation.ReturnsOld"/> asks for it and <see cref="PreviousVersion"/> tells
    /// that there was one. Valid only during the call that hands it over.
    /// </summary>
    public ReadOnlySpan<byte> OldValue { get; init; }

    /// <summary>For a person: which part of a path or patch was refused, and why. Null where the status says all.</summary>
    public string? Detail { get; init; }
}
