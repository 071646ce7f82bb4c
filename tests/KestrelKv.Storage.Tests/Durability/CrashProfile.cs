using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The parameters of a <see cref="CrashRun"/>.</summary>
internal sealed record CrashProfile
{
    public DurabilityMode Mode { get; init; } = DurabilityMode.Always;

    /// <summary>The probabilities of disk faults, once faults begin.</summary>
    public DiskFaults Faults { get; init; } = DiskFaults.None;

    /// <summary>The capacity of the disk. Later in a run it may grow.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>Whether the memory is so small that entries are evicted.</summary>
    public bool Evicts { get; init; }

    public long SegmentBytes { get; init; } = 4_096;

    public int ValueBytesMax { get; init; } = 200;

    /// <summary>The maximum size of the historical segments.</summary>
    public long HistoryBytes { get; init; } = 1 << 20;

    /// <summary>The maximum age of historical segments; zero for no limit.</summary>
    public TimeSpan HistoryTime { get; init; }

    /// <summary>The size of the feed's history in memory.</summary>
    public long FeedMemoryBytes { get; init; } = 1 << 20;

    /// <summary>The maximum number of processes.</summary>
    public int LivesMax { get; init; } = 5;

    public Func<IDisk, IDisk> Wrap { get; init; } = disk => disk;

    public EmbeddedStoreOptions StoreOptions => Evicts
        ? new() { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = EvictionPolicy.Lru, FeedMemoryBytes = FeedMemoryBytes }
        : new() { FeedMemoryBytes = FeedMemoryBytes };

    /// <summary>Returns random parameters, mostly typical ones.</summary>
    public static CrashProfile Any(Random random) => new()
    {
        Mode = random.Next(6) switch { 0 => DurabilityMode.EverySec, 1 => DurabilityMode.None, _ => DurabilityMode.Always },
        SegmentBytes = 512 << random.Next(6),
        // Sometimes a commit needs a segment of its own length.
        ValueBytesMax = random.Next(4) == 0 ? 5_000 : 200,
        HistoryBytes = random.Next(3) * 20_000,
        FeedMemoryBytes = random.Next(3) switch { 0 => 200, 1 => 5_000, _ => 1 << 20 },
    };
}
