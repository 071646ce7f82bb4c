namespace KestrelKv.Storage.Files;

/// <summary>The location of the data and its durability.</summary>
public sealed class DataOptions
{
    /// <summary>The minimum of <see cref="SegmentBytes"/>: 1 MiB.</summary>
    public const long SegmentBytesMin = 1024 * 1024;

    /// <summary>The maximum of <see cref="SegmentBytes"/>: 1 GiB.</summary>
    public const long SegmentBytesMax = 1024 * 1024 * 1024;

    /// <summary>The minimum of <see cref="SnapshotLogBytes"/>: 1 MiB.</summary>
    public const long SnapshotLogBytesMin = 1024 * 1024;

    /// <summary>The time at which a write is acknowledged. Default <see cref="DurabilityMode.Always"/>.</summary>
    public DurabilityMode Durability { get; set; } = DurabilityMode.Always;

    /// <summary>
    /// The directory of the data files, relative to the working directory. It is created if it does not exist. Default <c>data</c>. Not
    /// used with <see cref="DurabilityMode.Memory"/>.
    /// </summary>
    public string Directory { get; set; } = "data";

    /// <summary>
    /// The length of a segment of the write-ahead log, in bytes: 1 MiB to 1 GiB; default 64 MiB. One segment is always prepared ahead.
    /// A commit that does not fit into a segment gets a segment of its own length.
    /// </summary>
    public long SegmentBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// The length of the log after the last snapshot, in bytes, at which the next snapshot is taken: 1 MiB or more; default 1 GiB. The
    /// log must also be at least as long as the last snapshot. This bounds the log that a start reads.
    /// </summary>
    public long SnapshotLogBytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>
    /// The interval of snapshots: 1 minute to 365 days; default 1 hour; 0 for none. No snapshot is taken if nothing has changed.
    /// </summary>
    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Whether a snapshot is taken when the server stops, so that the next start does not read the log. Default true.</summary>
    public bool SnapshotOnStop { get; set; } = true;

    /// <summary>
    /// The maximum size of the historical segments, in bytes: 0 or more; default 256 MiB; 0 for none. They are the log that only the
    /// change feed needs. The newest that fit are kept. On a full disk they are deleted, the oldest first.
    /// </summary>
    public long HistoryBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>
    /// The maximum age of a historical segment, since its last commit: 1 minute to 365 days; default 1 hour; 0 for no limit of age. The
    /// age of segments from before a start begins with the snapshot after them, or with the start.
    /// </summary>
    public TimeSpan HistoryTime { get; set; } = TimeSpan.FromHours(1);
}
