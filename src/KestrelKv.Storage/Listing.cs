namespace KestrelKv.Storage;

/// <summary>Which entries to list.</summary>
public readonly struct ListQuery
{
    /// <summary>Only keys that begin with these bytes. Empty for all.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>Only keys that come after this one in the order of the listing; it need not be there. Empty for all.</summary>
    public ReadOnlyMemory<byte> After { get; init; }

    /// <summary>Only keys that come before this one in the order of the listing; it need not be there. Empty for all.</summary>
    public ReadOnlyMemory<byte> Until { get; init; }

    /// <summary>Whether the greatest key comes first.</summary>
    public bool Descending { get; init; }

    /// <summary>At most so many entries, 1 or more.</summary>
    public int Limit { get; init; }
}

/// <summary>An entry of a listing.</summary>
public readonly ref struct EntryView
{
    /// <summary>The key. Valid only during the call that hands it over.</summary>
    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value. Valid only during the call that hands it over.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>The version of the entry's last change.</summary>
    public long Version { get; init; }

    /// <summary>When the entry expires, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }
}
