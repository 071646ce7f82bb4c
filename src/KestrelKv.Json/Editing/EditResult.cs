namespace KestrelKv.Json;

/// <summary>The outcome of an edit.</summary>
public enum EditStatus
{
    /// <summary>The new document is written.</summary>
    Done,

    /// <summary>The document has no value at the path, and the edit cannot create one.</summary>
    PathNotFound,

    /// <summary>The value to increment is not a number.</summary>
    NotANumber,

    /// <summary>The sum cannot be represented exactly.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> of a JSON Patch does not hold.</summary>
    TestFailed,

    /// <summary>The new document is longer than <see cref="DocumentLimits.BytesMax"/>.</summary>
    ValueTooLong,

    /// <summary>The new document is nested deeper than <see cref="DocumentLimits.DepthMax"/>.</summary>
    TooDeep,

    /// <summary>The operations of a JSON Patch process more than <see cref="EditResult.PatchedBytesMax"/>.</summary>
    PatchTooLong,
}

/// <summary>The outcome of an edit, and the position of the sum in the new document.</summary>
/// <param name="Status"><see cref="EditStatus.Done"/>, or the reason for the refusal.</param>
/// <param name="Detail">The refused part and the reason, in English; null if the status is sufficient.</param>
/// <param name="PartStart">The start of the sum of an increment in the new document.</param>
/// <param name="PartBytes">The length of the sum, in bytes.</param>
/// <param name="PatchedBytes">The number of bytes that the operations of a patch processed.</param>
public readonly record struct EditResult(
    EditStatus Status, string? Detail = null, int PartStart = 0, int PartBytes = 0, long PatchedBytes = 0)
{
    /// <summary>
    /// The maximum number of bytes that the operations of a patch, or of all patches of a batch, may process in total: 256 MiB, some
    /// tenths of a second.
    /// </summary>
    public const long PatchedBytesMax = 256 * 1024 * 1024;
}
