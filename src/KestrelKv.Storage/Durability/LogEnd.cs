using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The end of the log that a recovery has read: the place at which the log is continued.</summary>
/// <param name="current">The segment that is written to.</param>
/// <param name="prepared">The segments after it, which are empty.</param>
/// <param name="offset">Where in the segment the next frame begins.</param>
/// <param name="previous">The checksum of the frame before.</param>
internal sealed class LogEnd(Segment current, List<Segment> prepared, long offset, uint previous)
{
    public Segment Current { get; private set; } = current;

    public IReadOnlyList<Segment> Prepared => prepared;

    public long Offset { get; private set; } = offset;

    public uint Previous { get; private set; } = previous;

    /// <summary>The last frame if it is a jump, and the frame before it has the checksum <c>Previous</c>.</summary>
    public (VersionJump Jump, uint Previous)? LastJump { get; init; }

    /// <summary>Whether the segment has room for a jump and its own end.</summary>
    public bool HasRoom => Offset + SegmentFiles.ReservedBytes <= Current.Bytes;

    /// <summary>Continues in the next segment.</summary>
    /// <returns>The number of bytes that the segment before has used.</returns>
    public long GoTo(Segment next)
    {
        long used = Current.WriteEnd(Offset, Previous);
        Current.File.Sync();
        Current.Dispose();
        prepared.Remove(next);
        (Current, Offset, Previous) = (next, FileHeader.Bytes, next.Seed);
        return used;
    }

    /// <summary>Writes and syncs a jump.</summary>
    public void Append(VersionJump jump)
    {
        Previous = jump.Write(Current.File, Offset, Current.Seed, Previous);
        Current.File.Sync();
        Offset += VersionJump.FrameBytes;
    }

    /// <summary>Writes and syncs a jump over the last one, after which there is nothing.</summary>
    public void Replace(VersionJump jump, uint before)
    {
        (Offset, Previous) = (Offset - VersionJump.FrameBytes, before);
        Append(jump);
    }
}
