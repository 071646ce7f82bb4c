namespace KestrelKv.Storage;

/// <summary>Keys as what they are: strings of bytes, in the order of their bytes.</summary>
internal sealed class KeyComparer
    : IComparer<byte[]>, IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly KeyComparer Instance = new();

    public int Compare(byte[]? x, byte[]? y) => Compare(x.AsSpan(), y.AsSpan());

    public int Compare(ReadOnlySpan<byte> x, ReadOnlySpan<byte> y) => x.SequenceCompareTo(y);

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] key) => GetHashCode(key.AsSpan());

    public bool Equals(ReadOnlySpan<byte> span, byte[] key) => span.SequenceEqual(key);

    public int GetHashCode(ReadOnlySpan<byte> span)
    {
        // Seeded per process, so that nobody can aim keys at one bucket.
        HashCode hash = default;
        hash.AddBytes(span);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> span) => span.ToArray();
}
