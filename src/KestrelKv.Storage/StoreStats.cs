namespace KestrelKv.Storage;

/// <summary>Figures of a store.</summary>
/// <param name="Keys">How many entries there are, those included that have expired but are not yet removed.</param>
/// <param name="Bytes">Bytes of their keys and values together.</param>
/// <param name="Version">The version of the last commit, or that of the start if none came after it; 0 for a new store.</param>
public readonly record struct StoreStats(long Keys, long Bytes, long Version)
{
    /// <summary>Bytes of memory that entries and all that finds them take, as far as the store counts them.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>What <see cref="MemoryBytes"/> may come to; 0 where there is no limit.</summary>
    public long MemoryBytesMax { get; init; }

    /// <summary>How many entries were removed because they had expired.</summary>
    public long Expirations { get; init; }

    /// <summary>How many entries were removed to make room for others.</summary>
    public long Evictions { get; init; }

    /// <summary>How many writes, and atomic batches of them, were refused because the memory was full.</summary>
    public long Refusals { get; init; }

    /// <summary>When a write is acknowledged.</summary>
    public DurabilityMode Durability { get; init; } = DurabilityMode.Memory;

    /// <summary>The version of the last commit that is on disk, or, where nothing is kept there, of the last commit.</summary>
    public long DurableVersion { get; init; }

    /// <summary>
    /// The version of the last commit that the feed shows: with <see cref="DurabilityMode.Always"/> the last one that is on disk.
    /// </summary>
    public long FeedVersion { get; init; }

    /// <summary>The oldest version from which the feed can begin.</summary>
    public long OldestVersion { get; init; }

    /// <summary>How many request ids are remembered. They are not among <see cref="Keys"/> and <see cref="Bytes"/>.</summary>
    public long RequestIds { get; init; }

    /// <summary>How many watches are open.</summary>
    public long Watches { get; init; }
}
