namespace KestrelKv.Storage;

/// <summary>The outcome of an operation.</summary>
/// <remarks>Idempotency records store these numbers on disk: never renumber them, append new values.</remarks>
public enum ResultStatus
{
    /// <summary>The operation succeeded.</summary>
    Done,

    /// <summary>The entry to read, remove or set the expiry of does not exist.</summary>
    NotFound,

    /// <summary>The precondition does not hold. Nothing was changed.</summary>
    PreconditionFailed,

    /// <summary>The write exceeds the memory limit, and no memory could be freed. Nothing was changed.</summary>
    MemoryFull,

    /// <summary>The disk has no space for the write. Nothing was changed.</summary>
    DiskFull,

    /// <summary>
    /// The disk has failed. A write was not executed. An entry was not read because its last change may not be durable.
    /// </summary>
    DiskFailed,

    /// <summary>The path does not exist in the value, or the entry does not exist. Nothing was changed.</summary>
    PathNotFound,

    /// <summary>The value to increment is not a number. Nothing was changed.</summary>
    NotANumber,

    /// <summary>The sum of an <see cref="OperationKind.Increment"/> cannot be represented exactly. Nothing was changed.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> operation of a JSON Patch failed. Nothing was changed.</summary>
    TestFailed,

    /// <summary>
    /// The new value exceeds the configured length, or the values of a batch exceed their total limit. Nothing was changed.
    /// </summary>
    ValueTooLong,

    /// <summary>The new value exceeds the configured nesting depth. Nothing was changed.</summary>
    TooDeep,

    /// <summary>A JSON Patch has too many operations for the length of the value, and would take too long. Nothing was changed.</summary>
    PatchTooLong,

    /// <summary>The request id belongs to a different recent batch, or to one with a higher sequence. Nothing was changed.</summary>
    RequestIdReused,

    /// <summary>Other calls repeatedly changed the entries during long work. Nothing was changed. The call may be retried.</summary>
    Conflict,
}

/// <summary>The result of one operation.</summary>
public readonly ref struct OperationResult
{
    /// <summary>The outcome.</summary>
    public ResultStatus Status { get; init; }

    /// <summary>
    /// The version of the entry that was read, or of the change. If the precondition failed, the version of the existing entry,
    /// without the changes of the same batch. 0 if there is none.
    /// </summary>
    public long Version { get; init; }

    /// <summary>The version of the entry before the operation; 0 if there was none.</summary>
    public long PreviousVersion { get; init; }

    /// <summary>The expiry of the entry that was read or written, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>
    /// The value, or the part of it, that was read; the sum of an <see cref="OperationKind.Increment"/>. Valid only during the
    /// invocation of the sink.
    /// </summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>
    /// The value before a write, if <see cref="Operation.ReturnsOld"/> is set and <see cref="PreviousVersion"/> is not 0. Valid only
    /// during the invocation of the sink.
    /// </summary>
    public ReadOnlySpan<byte> OldValue { get; init; }

    /// <summary>A message for people: the refused part of a path or patch, and the reason. Null if the status is sufficient.</summary>
    public string? Detail { get; init; }
}
