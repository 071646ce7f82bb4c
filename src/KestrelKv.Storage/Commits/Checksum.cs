using System.Buffers.Binary;
using System.Numerics;

namespace KestrelKv.Storage.Commits;

/// <summary>CRC-32C (Castagnoli; RFC 3720, appendix B.4). Current processors have an instruction for it.</summary>
internal static class Checksum
{
    /// <summary>Extends the checksum of the preceding bytes, which is 0 at the beginning.</summary>
    public static uint Of(uint previous, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~previous;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte b in bytes) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
