namespace KestrelKv.Json;

/// <summary>The outcome of an edit.</summary>
public enum EditStatus
{
    /// <summary>The new document is written.</summary>
    Done,

    /// <summary>The document has no value at the path, and the edit can't create one there.</summary>
    PathNotFound,

    /// <summary>The value to increment is not a number.</summary>
    NotANumber,

    /// <summary>The sum is outside of the range of exact sums.</summary>
    NumberOverflow,

    /// <summary>A <c>test</c> of a JSON Patch does not hold.</summary>
    TestFailed,

    /// <summary>The new document is longer than <see cref="DocumentLimits.BytesMax"/>.</summary>
    ValueTooLong,

    /// <summary>The new document is nested deeper than <see cref="DocumentLimits.DepthMax"/>.</summary>
    TooDeep,

    /// <summary>The operations of a JSON Patch read more than <see cref="EditResult.PatchedBytesMax"/>.</summary>
    PatchTooLong,
}

/// <summary>The outcome of an edit, and where its sum lies in the new document.</summary>
/// <param name="Status"><see cref="EditStatus.Done"/>, or the reason of the refusal.</param>
/// <param name="Detail">The refused part and the reason, for a person; null if the status says all.</param>
/// <param name="PartStart">The start of the sum of an increment in the new document.</param>
/// <param name="PartBytes">The length of the sum.</param>
/// <param name="PatchedBytes">The number of bytes that the operations of a patch have read.</param>
public readonly record struct EditResult(
    EditStatus Status, string? Detail = null, int PartStart = 0, int PartBytes = 0, long PatchedBytes = 0)
{
    /// <summary>
    /// The number of bytes that all operations of a patch may read together, and all patches of a batch: 256 MiB, some tenths
    /// of a second.
    /// </summary>
    public const long PatchedBytesMax = 256 * 1024 * 1024;
}
