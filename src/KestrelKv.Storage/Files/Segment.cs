using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>A segment of the log that is open.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="File">Its file.</param>
/// <param name="Seed">The checksum of its header, with which those of its frames begin.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record Segment(long Number, IDiskFile File, uint Seed, long Bytes) : IDisposable
{
    public void Dispose() => File.Dispose();

    /// <summary>Writes the frame that ends the segment. The segment after it must be there.</summary>
    /// <param name="offset">The offset of the frame.</param>
    /// <param name="previous">The checksum of the frame before.</param>
    /// <returns>The number of bytes that the segment has used.</returns>
    public long WriteEnd(long offset, uint previous)
    {
        Span<byte> end = stackalloc byte[Frame.HeaderBytes];
        Frame.Begin(end, FrameKind.SegmentEnd, 0, Number + 1);
        Frame.Seal(end, Seed, previous);
        File.Write(end, offset);
        return offset + end.Length;
    }
}
