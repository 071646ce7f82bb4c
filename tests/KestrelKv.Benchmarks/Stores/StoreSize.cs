using System.Buffers.Binary;

namespace KestrelKv.Benchmarks.Stores;

internal sealed record StoreSize(int Keys, int ValueBytes)
{
    public const int KeyBytes = 16;

    /// <summary>An upper bound on the memory of any of the stores per key, beyond key and value.</summary>
    private const int OverheadBytes = 200;

    public long DataBytes => (long)Keys * (KeyBytes + ValueBytes);

    /// <summary>An estimated upper bound on the memory of one filled store.</summary>
    public long MemoryBytesMax => DataBytes + (long)Keys * OverheadBytes;

    public override string ToString() => $"{Keys:N0} keys of {KeyBytes} bytes, values of {ValueBytes:N0} bytes";

    /// <summary>Writes the key with a number: 16 bytes that look random, so their order differs from that of the numbers.</summary>
    public static void WriteKey(int number, Span<byte> key)
    {
        ulong mixed = ((ulong)number + 1) * 0x9E3779B97F4A7C15;
        BinaryPrimitives.WriteUInt64BigEndian(key, mixed ^ (mixed >> 29));
        BinaryPrimitives.WriteUInt64BigEndian(key[sizeof(ulong)..], mixed);
    }
}
