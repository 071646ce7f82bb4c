using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>The keys of a listing: from an inclusive lower bound to an exclusive upper bound.</summary>
internal readonly record struct KeyRange(byte[] Low, byte[] High)
{
    public bool IsEmpty => Low.AsSpan().SequenceCompareTo(High) >= 0;

    public static KeyRange Of(in ListQuery query)
    {
        ReadOnlyMemory<byte> after = query.Descending ? query.Until : query.After, before = query.Descending ? query.After : query.Until;
        byte[] low = query.Prefix.ToArray(), high = MergedKeys.EndOf(query.Prefix.Span).ToArray();
        if (!after.IsEmpty) low = Higher(low, Behind(after.Span));
        if (!before.IsEmpty) high = Lower(high, before.ToArray());
        return new(low, high);
    }

    /// <summary>Returns the rest of the range behind a listed key.</summary>
    public KeyRange After(byte[] key, bool descending) => descending ? this with { High = key } : this with { Low = Behind(key) };

    /// <summary>Returns the lowest key that is greater than a key.</summary>
    private static byte[] Behind(ReadOnlySpan<byte> key) => [.. key, 0];

    private static byte[] Higher(byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y) >= 0 ? x : y;

    private static byte[] Lower(byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y) <= 0 ? x : y;
}
