namespace KestrelKv.Storage.Embedded;

/// <summary>Where the text of a planned result lies.</summary>
internal enum TextPlace : byte
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>In the entry of a key, as it is before the batch.</summary>
    Stored,

    /// <summary>In the value that an operation puts.</summary>
    Operation,

    /// <summary>Among the sums of increments.</summary>
    Sums,
}

/// <summary>A part of a text.</summary>
/// <param name="Place">Where the text lies.</param>
/// <param name="At">The index of the key or of the operation.</param>
/// <param name="Start">Where the part begins.</param>
/// <param name="Length">Its length in bytes.</param>
internal readonly record struct PlannedText(TextPlace Place, int At, int Start, int Length);

/// <summary>The result of an operation of an atomic batch, before the version of the commit is known.</summary>
internal struct PlannedResult
{
    public ResultStatus Status;

    /// <summary><see cref="IdempotencyRecord.OwnVersion"/> for that of the commit.</summary>
    public long Version;

    /// <inheritdoc cref="Version"/>
    public long PreviousVersion;
    public long ExpiresAt;
    public PlannedText Value;
    public PlannedText Old;
}
