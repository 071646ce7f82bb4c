namespace KestrelKv.Storage.Commits;

/// <summary>A change of an atomic batch, kept until its commit: a <see cref="Record"/> whose key and value are memory.</summary>
internal struct Change
{
    /// <summary>A put, a new expiry, or a delete.</summary>
    public RecordKind Kind;

    public ReadOnlyMemory<byte> Key;

    /// <summary>The value of a <see cref="RecordKind.Put"/>.</summary>
    public ReadOnlyMemory<byte> Value;

    /// <summary>The expiry; <see cref="Operation.Never"/> for none.</summary>
    public long ExpiresAt;

    public readonly Record AsRecord() => new() { Kind = Kind, Key = Key.Span, Value = Value.Span, ExpiresAt = ExpiresAt };
}
