using System.Buffers.Binary;
using System.Numerics;

namespace KestrelKv.Storage.Commits;

/// <summary>CRC-32C (Castagnoli; RFC 3720, appendix B.4), which processors have an instruction for.</summary>
internal static class Checksum
{
    /// <summary>Goes on from the checksum of what is before; 0 at the beginning.</summary>
    public static uint Of(uint before, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~before;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte b in bytes) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
