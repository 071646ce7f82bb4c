namespace KestrelKv.Storage.Durability;

/// <summary>What the disk does.</summary>
public enum DiskState
{
    /// <summary>It takes writes.</summary>
    Ok,

    /// <summary>It has no space for another segment of the log: writes are refused until it has.</summary>
    Full,

    /// <summary>A write or a sync has failed: no more writes are taken until the server is started again.</summary>
    Failed,
}

/// <summary>Figures of what makes a store durable.</summary>
public sealed record DurabilityStats
{
    /// <summary>The mode.</summary>
    public required DurabilityMode Mode { get; init; }

    /// <summary>The version of the last commit that is synced to disk.</summary>
    public required long DurableVersion { get; init; }

    /// <summary>What the disk does.</summary>
    public required DiskState Disk { get; init; }

    /// <summary>Why the disk has failed, or is full; null where it is neither.</summary>
    public string? DiskError { get; init; }

    /// <summary>How many syncs of the log there were.</summary>
    public required long Syncs { get; init; }

    /// <summary>How many commits these synced.</summary>
    public required long CommitsSynced { get; init; }

    /// <summary>
    /// Bytes of the log that a start would read. What is kept for the feed alone is not counted, nor what is prepared ahead.
    /// </summary>
    public required long LogBytes { get; init; }

    /// <summary>Bytes of the files of the log that are kept for the feed alone.</summary>
    public long HistoryBytes { get; init; }

    /// <summary>The newest snapshot; null where there is none.</summary>
    public SnapshotInfo? LastSnapshot { get; init; }

    /// <summary>How many snapshots failed since the start.</summary>
    public required long SnapshotFailures { get; init; }
}

/// <summary>A snapshot on disk.</summary>
/// <param name="Version">It has the store as it was after the commit of this version.</param>
/// <param name="At">When it was finished.</param>
/// <param name="Duration">How long it took; zero where it was taken before the server started.</param>
/// <param name="Bytes">The size of its file.</param>
public sealed record SnapshotInfo(long Version, DateTimeOffset At, TimeSpan Duration, long Bytes);
