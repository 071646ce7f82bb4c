namespace KestrelKv.Storage;

/// <summary>A range of keys to list.</summary>
public readonly struct ListQuery
{
    /// <summary>The prefix of the keys. Empty for all keys.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>The exclusive start, in listing order. The key need not exist. Empty for none.</summary>
    public ReadOnlyMemory<byte> After { get; init; }

    /// <summary>The exclusive end, in listing order. The key need not exist. Empty for none.</summary>
    public ReadOnlyMemory<byte> Until { get; init; }

    /// <summary>Whether to list in descending order.</summary>
    public bool Descending { get; init; }

    /// <summary>The maximum number of entries, 1 or more.</summary>
    public int Limit { get; init; }
}

/// <summary>An entry of a listing.</summary>
public readonly ref struct EntryView
{
    /// <summary>The key. Valid only during the invocation of the sink.</summary>
    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value. Valid only during the invocation of the sink.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>The version of the entry's last change.</summary>
    public long Version { get; init; }

    /// <summary>The expiry of the entry, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }
}
