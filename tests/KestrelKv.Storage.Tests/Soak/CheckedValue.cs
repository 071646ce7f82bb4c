using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Values with a checksum that detects damage and values of another key.</summary>
/// <remarks>A value consists of its key, random bytes, and a 4-byte checksum of both.</remarks>
internal static class CheckedValue
{
    private const int ChecksumBytes = sizeof(uint);

    /// <summary>Returns a value with a number of random bytes.</summary>
    public static ReadOnlyMemory<byte> Make(Random random, ReadOnlyMemory<byte> key, int randomBytes)
    {
        byte[] value = new byte[key.Length + randomBytes + ChecksumBytes];
        key.CopyTo(value);
        random.NextBytes(value.AsSpan(key.Length, randomBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(value.AsSpan(value.Length - ChecksumBytes), Checksum(value.AsSpan(..^ChecksumBytes)));
        return value;
    }

    public static bool Holds(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        value.Length >= key.Length + ChecksumBytes && value.StartsWith(key)
        && BinaryPrimitives.ReadUInt32LittleEndian(value[^ChecksumBytes..]) == Checksum(value[..^ChecksumBytes]);

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = ~0u;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes)) sum = BitOperations.Crc32C(sum, word);
        foreach (byte one in bytes[(bytes.Length & ~7)..]) sum = BitOperations.Crc32C(sum, one);
        return sum;
    }
}
