namespace KestrelKv.Storage.Embedded;

/// <summary>The location of the text of a planned result.</summary>
internal enum TextPlace : byte
{
    None,

    /// <summary>The entry of a key before the batch.</summary>
    Stored,

    /// <summary>The value that an operation puts.</summary>
    Operation,

    /// <summary>The sums of increments.</summary>
    Sums,
}

/// <summary>A reference to a part of a text. <c>At</c> is the index of the key or operation.</summary>
internal readonly record struct PlannedText(TextPlace Place, int At, int Start, int Length);

/// <summary>The result of an operation of an atomic batch, before the version of the commit is known.</summary>
internal struct PlannedResult
{
    public ResultStatus Status;

    /// <summary>The version; <see cref="IdempotencyRecord.OwnVersion"/> for that of the batch's own commit.</summary>
    public long Version;

    /// <inheritdoc cref="Version"/>
    public long PreviousVersion;
    public long ExpiresAt;

    /// <inheritdoc cref="PlannedKey.KeepsExpiry"/>
    public bool KeepsExpiry;
    public PlannedText Value;
    public PlannedText Old;
}
