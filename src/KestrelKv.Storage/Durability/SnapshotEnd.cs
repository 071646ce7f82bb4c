using System.Buffers.Binary;

namespace KestrelKv.Storage.Durability;

/// <summary>The last frame of a snapshot: without it, a snapshot is not whole.</summary>
/// <param name="Version">It has the store as it was after the commit of this version. The frame's number.</param>
/// <param name="Entries">How many entries its frames of entries have.</param>
/// <param name="Segment">The segment of the log in which the commits after it begin.</param>
/// <param name="At">When it was finished, in milliseconds of Unix time.</param>
internal readonly record struct SnapshotEnd(long Version, long Entries, long Segment, long At)
{
    public const int PayloadBytes = 3 * sizeof(long);

    public void Write(Span<byte> payload)
    {
        BinaryPrimitives.WriteInt64LittleEndian(payload, Entries);
        BinaryPrimitives.WriteInt64LittleEndian(payload[8..], Segment);
        BinaryPrimitives.WriteInt64LittleEndian(payload[16..], At);
    }

    public static SnapshotEnd Read(long version, ReadOnlySpan<byte> payload) => new(
        version,
        BinaryPrimitives.ReadInt64LittleEndian(payload),
        BinaryPrimitives.ReadInt64LittleEndian(payload[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(payload[16..]));
}
