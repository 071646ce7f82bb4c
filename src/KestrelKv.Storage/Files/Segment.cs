namespace KestrelKv.Storage.Files;

/// <summary>A segment of the log that is open.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="File">Its file.</param>
/// <param name="Seed">The checksum of its header, with which those of its frames begin.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record Segment(long Number, IDiskFile File, uint Seed, long Bytes) : IDisposable
{
    public void Dispose() => File.Dispose();
}
