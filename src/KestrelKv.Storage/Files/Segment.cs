using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>
/// An open log segment. The numbers begin with 1. The seed is the checksum of the file header, which seeds the checksums of the
/// records.
/// </summary>
internal sealed record Segment(long Number, IDiskFile File, uint Seed, long Bytes) : IDisposable
{
    public void Dispose() => File.Dispose();

    /// <summary>Writes the record that ends the segment, and returns the number of used bytes. The next segment must exist.</summary>
    public long WriteEnd(long offset, uint previous)
    {
        Span<byte> end = stackalloc byte[LogRecord.HeaderBytes];
        LogRecord.Begin(end, LogRecordKind.SegmentEnd, 0, Number + 1);
        LogRecord.Seal(end, Seed, previous);
        File.Write(end, offset);
        return offset + end.Length;
    }
}
