using System.Buffers.Binary;

namespace KestrelKv.Storage.Durability;

/// <summary>The last record of a snapshot. A snapshot without it is incomplete.</summary>
/// <param name="Version">The version of the last commit in the snapshot. It is the number of the record.</param>
/// <param name="Entries">The number of entries in the records of entries.</param>
/// <param name="Segment">The log segment in which the commits after the snapshot begin.</param>
/// <param name="At">The time at which the snapshot was finished, in milliseconds of Unix time.</param>
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
