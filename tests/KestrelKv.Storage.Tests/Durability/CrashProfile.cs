using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>What a run of <see cref="CrashRun"/> is like.</summary>
internal sealed record CrashProfile
{
    public DurabilityMode Mode { get; init; } = DurabilityMode.Always;

    /// <summary>How likely calls to the disk fail, once they begin to.</summary>
    public DiskFaults Faults { get; init; } = DiskFaults.None;

    /// <summary>How much the disk holds before it is full; more is made free later.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>Whether the memory is so small that entries are evicted.</summary>
    public bool Evicts { get; init; }

    public long SegmentBytes { get; init; } = 4_096;

    public int ValueBytesMax { get; init; } = 200;

    /// <summary>How much log is kept for the feed.</summary>
    public long HistoryBytes { get; init; } = 1 << 20;

    /// <summary>For how long; zero for as long as there is room.</summary>
    public TimeSpan HistoryTime { get; init; }

    /// <summary>How much of it there is in memory.</summary>
    public long FeedMemoryBytes { get; init; } = 1 << 20;

    /// <summary>How many lives a process has, at most.</summary>
    public int LivesMax { get; init; } = 5;

    /// <summary>What stands between the store and the disk.</summary>
    public Func<IDisk, IDisk> Wrap { get; init; } = disk => disk;

    public EmbeddedStoreOptions StoreOptions => Evicts
        ? new() { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = EvictionPolicy.Lru, FeedMemoryBytes = FeedMemoryBytes }
        : new() { FeedMemoryBytes = FeedMemoryBytes };

    /// <summary>Mostly as servers run, now and then not.</summary>
    public static CrashProfile Any(Random random) => new()
    {
        Mode = random.Next(6) switch { 0 => DurabilityMode.EverySec, 1 => DurabilityMode.None, _ => DurabilityMode.Always },
        SegmentBytes = 512 << random.Next(6),
        // Now and then a commit needs a segment of its own size.
        ValueBytesMax = random.Next(4) == 0 ? 5_000 : 200,
        HistoryBytes = random.Next(3) * 20_000,
        FeedMemoryBytes = random.Next(3) switch { 0 => 200, 1 => 5_000, _ => 1 << 20 },
    };
}
