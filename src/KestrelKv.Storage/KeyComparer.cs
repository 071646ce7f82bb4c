namespace KestrelKv.Storage;

/// <summary>Compares keys as byte strings, in lexicographic byte order.</summary>
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
        // HashCode is seeded per process, which prevents hash-flooding attacks.
        HashCode hash = default;
        hash.AddBytes(span);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> span) => span.ToArray();
}
