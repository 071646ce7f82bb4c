using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The end of the log as recovery has read it, at which the log continues. The prepared segments are empty.</summary>
internal sealed class LogEnd(Segment current, List<Segment> prepared, long offset, uint previous)
{
    public Segment Current { get; private set; } = current;

    public IReadOnlyList<Segment> Prepared => prepared;

    public long Offset { get; private set; } = offset;

    public uint Previous { get; private set; } = previous;

    /// <summary>The last log record if it is a version jump, and the checksum of the record before it.</summary>
    public (VersionJump Jump, uint Previous)? LastJump { get; init; }

    /// <summary>Whether the segment has room for a version jump and its own end record.</summary>
    public bool HasRoom => Offset + SegmentFiles.ReservedBytes <= Current.Bytes;

    /// <summary>Ends and syncs the current segment, and continues in the next one.</summary>
    /// <returns>The number of bytes that the ended segment uses.</returns>
    public long AdvanceTo(Segment next)
    {
        long used = Current.WriteEnd(Offset, Previous);
        Current.File.Sync();
        Current.Dispose();
        prepared.Remove(next);
        (Current, Offset, Previous) = (next, FileHeader.Bytes, next.Seed);
        return used;
    }

    /// <summary>Writes and syncs a version jump.</summary>
    public void Append(VersionJump jump)
    {
        Previous = jump.Write(Current.File, Offset, Current.Seed, Previous);
        Current.File.Sync();
        Offset += VersionJump.LogRecordBytes;
    }

    /// <summary>Overwrites the last version jump, which is the last log record, with another one and syncs it.</summary>
    public void Replace(VersionJump jump, uint before)
    {
        (Offset, Previous) = (Offset - VersionJump.LogRecordBytes, before);
        Append(jump);
    }
}
