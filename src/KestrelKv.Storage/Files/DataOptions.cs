namespace KestrelKv.Storage.Files;

/// <summary>Where the data is kept, and when a write counts as done.</summary>
public sealed class DataOptions
{
    /// <summary>The least that <see cref="SegmentBytes"/> can be: 1 MiB.</summary>
    public const long SegmentBytesMin = 1024 * 1024;

    /// <summary>The most that <see cref="SegmentBytes"/> can be: 1 GiB.</summary>
    public const long SegmentBytesMax = 1024 * 1024 * 1024;

    /// <summary>The least that <see cref="SnapshotLogBytes"/> can be: 1 MiB.</summary>
    public const long SnapshotLogBytesMin = 1024 * 1024;

    /// <summary>When a write is acknowledged. Default <see cref="DurabilityMode.Always"/>.</summary>
    public DurabilityMode Durability { get; set; } = DurabilityMode.Always;

    /// <summary>
    /// The directory of the data files; it is created where it is not there. Relative to the working directory. Default
    /// <c>data</c>. Not used with <see cref="DurabilityMode.Memory"/>.
    /// </summary>
    public string Directory { get; set; } = "data";

    /// <summary>
    /// Bytes of a segment of the write-ahead log, 1 MiB to 1 GiB; default 64 MiB. One segment is always prepared ahead.
    /// A commit that is larger gets a segment of its own size.
    /// </summary>
    public long SegmentBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// A snapshot is taken once the log since the last one has so many bytes, and as many as that snapshot: 1 MiB or more;
    /// default 1 GiB. It bounds how much log a start has to read.
    /// </summary>
    public long SnapshotLogBytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>
    /// A snapshot is taken after this time, if anything has changed: 1 minute to 365 days; default 1 hour. 0 for none.
    /// </summary>
    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Whether a snapshot is taken when the server stops, so that the next start need not read the log. Default true.</summary>
    public bool SnapshotOnStop { get; set; } = true;

    /// <summary>
    /// Bytes of log that are kept for the change feed beyond what a start needs, 0 or more; default 256 MiB, 0 for none. The
    /// newest segments that fit are kept. They are given up, the oldest first, where the disk is full.
    /// </summary>
    public long HistoryBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>
    /// For how long that log is kept at most, from the time on when the last commit of a segment was written: 1 minute to 365
    /// days; default 1 hour. 0 for as long as <see cref="HistoryBytes"/> lets it. Of segments from before a start it is counted
    /// from the snapshot that made them superfluous, or from the start.
    /// </summary>
    public TimeSpan HistoryTime { get; set; } = TimeSpan.FromHours(1);
}
