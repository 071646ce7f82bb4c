using System.Buffers.Binary;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>How many keys a store has, and how long their values are.</summary>
internal sealed record StoreSize(int Keys, int ValueBytes)
{
    public const int KeyBytes = 16;

    /// <summary>More than what any of the stores takes for a key beside key and value.</summary>
    private const int OverheadBytes = 200;

    public long DataBytes => (long)Keys * (KeyBytes + ValueBytes);

    /// <summary>What one filled store takes at the most, by and large.</summary>
    public long MemoryBytesMax => DataBytes + (long)Keys * OverheadBytes;

    public override string ToString() => $"{Keys:N0} keys of {KeyBytes} bytes, values of {ValueBytes:N0} bytes";

    /// <summary>The key of a number: 16 bytes that look random, so that their order is not that of the numbers.</summary>
    public static void WriteKey(int number, Span<byte> key)
    {
        ulong mixed = ((ulong)number + 1) * 0x9E3779B97F4A7C15;
        BinaryPrimitives.WriteUInt64BigEndian(key, mixed ^ (mixed >> 29));
        BinaryPrimitives.WriteUInt64BigEndian(key[sizeof(ulong)..], mixed);
    }
}
