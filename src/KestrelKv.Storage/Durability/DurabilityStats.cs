namespace KestrelKv.Storage.Durability;

/// <summary>The state of the disk.</summary>
public enum DiskState
{
    /// <summary>The disk accepts writes.</summary>
    Ok,

    /// <summary>The disk has no space for another log segment. Writes are refused until it has.</summary>
    Full,

    /// <summary>A write or a sync has failed. Writes are refused until the server is restarted.</summary>
    Failed,
}

/// <summary>Statistics of durability.</summary>
public sealed record DurabilityStats
{
    /// <summary>The durability mode.</summary>
    public required DurabilityMode Mode { get; init; }

    /// <summary>The version of the last commit that is synced to disk.</summary>
    public required long DurableVersion { get; init; }

    /// <summary>The state of the disk.</summary>
    public required DiskState Disk { get; init; }

    /// <summary>The reason if the disk is full or has failed; otherwise null.</summary>
    public string? DiskError { get; init; }

    /// <summary>The number of syncs of the log.</summary>
    public required long Syncs { get; init; }

    /// <summary>The number of commits that were synced.</summary>
    public required long CommitsSynced { get; init; }

    /// <summary>The length of the log that a start would read, in bytes, without historical and prepared segments.</summary>
    public required long LogBytes { get; init; }

    /// <summary>The total length of the historical segments, which only the feed needs, in bytes.</summary>
    public long HistoryBytes { get; init; }

    /// <summary>The newest snapshot; null if there is none.</summary>
    public SnapshotInfo? LastSnapshot { get; init; }

    /// <summary>The number of snapshots that failed since the start.</summary>
    public required long SnapshotFailures { get; init; }
}

/// <summary>A snapshot on disk.</summary>
/// <param name="Version">The version of the last commit that it contains.</param>
/// <param name="At">The time at which it was finished.</param>
/// <param name="Duration">The time that it took; zero if it was taken before the start of the server.</param>
/// <param name="Bytes">The size of its file.</param>
public sealed record SnapshotInfo(long Version, DateTimeOffset At, TimeSpan Duration, long Bytes);
