namespace KestrelKv.Storage;

/// <summary>Statistics of a store.</summary>
/// <param name="Keys">The number of entries, including expired ones that are not yet removed.</param>
/// <param name="Bytes">The total size of their keys and values, in bytes.</param>
/// <param name="Version">The version of the last commit, or that of the start if no commit followed; 0 for a new store.</param>
public readonly record struct StoreStats(long Keys, long Bytes, long Version)
{
    /// <summary>The memory of entries, index, ordered keys and expiries, in bytes, as the store counts it.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The limit of <see cref="MemoryBytes"/>; 0 for no limit.</summary>
    public long MemoryBytesMax { get; init; }

    /// <summary>Whether the store evicts entries at that limit, instead of rejecting writes.</summary>
    public bool Evicts { get; init; }

    /// <summary>The number of entries removed because they expired.</summary>
    public long Expirations { get; init; }

    /// <summary>The number of evicted entries.</summary>
    public long Evictions { get; init; }

    /// <summary>The number of writes and atomic batches refused because memory was full.</summary>
    public long Refusals { get; init; }

    /// <summary>The durability mode.</summary>
    public DurabilityMode Durability { get; init; } = DurabilityMode.Memory;

    /// <summary>The version of the last durable commit; without a data directory, of the last commit.</summary>
    public long DurableVersion { get; init; }

    /// <summary>
    /// The version of the last commit visible in the feed. With <see cref="DurabilityMode.Always"/>, this is the last durable commit.
    /// </summary>
    public long FeedVersion { get; init; }

    /// <summary>The oldest version from which a watch can start.</summary>
    public long OldestVersion { get; init; }

    /// <summary>The number of idempotency records. They are not included in <see cref="Keys"/> and <see cref="Bytes"/>.</summary>
    public long RequestIds { get; init; }

    /// <summary>The number of open watches.</summary>
    public long Watches { get; init; }
}
