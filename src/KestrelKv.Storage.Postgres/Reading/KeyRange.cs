namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>The keys of a listing: from an inclusive lower bound to an exclusive upper bound.</summary>
internal readonly record struct KeyRange(byte[] Low, byte[] High)
{
    /// <summary>All client keys are lower. Internal keys begin with this byte.</summary>
    private const byte End = 0xFF;

    public bool IsEmpty => Low.AsSpan().SequenceCompareTo(High) >= 0;

    public static KeyRange Of(in ListQuery query)
    {
        ReadOnlyMemory<byte> after = query.Descending ? query.Until : query.After, before = query.Descending ? query.After : query.Until;
        byte[] low = query.Prefix.ToArray(), high = [End];
        if (!after.IsEmpty) low = Higher(low, Behind(after.Span));
        if (EndOf(query.Prefix.Span) is { } end) high = Lower(high, end);
        if (!before.IsEmpty) high = Lower(high, before.ToArray());
        return new(low, high);
    }

    /// <summary>Returns the rest of the range behind a listed key.</summary>
    public KeyRange After(byte[] key, bool descending) => descending ? this with { High = key } : this with { Low = Behind(key) };

    /// <summary>Returns the lowest key that is greater than a key.</summary>
    private static byte[] Behind(ReadOnlySpan<byte> key) => [.. key, 0];

    /// <summary>Returns the lowest key that is greater than all keys with a prefix; null if there is none.</summary>
    private static byte[]? EndOf(ReadOnlySpan<byte> prefix)
    {
        int length = prefix.TrimEnd(End).Length;
        if (length == 0) return null;
        byte[] end = prefix[..length].ToArray();
        end[^1]++;
        return end;
    }

    private static byte[] Higher(byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y) >= 0 ? x : y;

    private static byte[] Lower(byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y) <= 0 ? x : y;
}
