using KestrelKv.Json;

namespace KestrelKv.Storage.Embedded;

/// <summary>What the embedded store keeps in memory, how much and for how long.</summary>
public sealed class EmbeddedStoreOptions
{
    /// <summary>The least limit that can be set: 1 MiB.</summary>
    public const long MemoryBytesMaxMin = 1024 * 1024;

    /// <summary>The least that <see cref="FeedMemoryBytes"/> can be: 1 MiB.</summary>
    public const long FeedMemoryBytesMin = 1024 * 1024;

    /// <summary>The most that <see cref="FeedMemoryBytes"/> can be: 16 GiB.</summary>
    public const long FeedMemoryBytesMax = 16L * 1024 * 1024 * 1024;

    /// <summary>
    /// Bytes of memory that entries, and all that finds them, may take (<see cref="StoreStats.MemoryBytes"/>),
    /// 1,048,576 or more; 0, the default, for no limit. The process takes more than this: room between the blocks of
    /// entries, buffers of connections, the runtime. Writes that are under way at the same time may pass the limit by
    /// their entries and the growth of a part of the index.
    /// </summary>
    public long MemoryBytesMax { get; set; }

    /// <summary>What makes room when the limit is reached. Default <see cref="EvictionPolicy.None"/>.</summary>
    public EvictionPolicy Eviction { get; set; }

    /// <summary>
    /// How long the results of a batch with a request id are recorded: 1 second to 7 days; default 5 minutes. A record takes memory
    /// and log like an entry, is never evicted, and is not counted among the keys.
    /// </summary>
    public TimeSpan RequestIdWindow { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Bytes that the records of all request ids may take, 1 MiB or more; default 1 GiB. A batch whose record exceeds it is refused as
    /// <see cref="ResultStatus.MemoryFull"/>.
    /// </summary>
    public long RequestIdBytesMax { get; set; } = 1024 * 1024 * 1024;

    /// <summary>The least that <see cref="RequestIdBytesMax"/> can be: 1 MiB.</summary>
    public const long RequestIdBytesMaxMin = 1024 * 1024;

    /// <summary>The version after which those of a store in memory begin.</summary>
    internal long VersionsAfter { get; private set; }

    internal DocumentLimits DocumentLimits { get; private set; } = DocumentLimits.Default;

    /// <summary>
    /// Has a store in memory begin its versions above all that stores before it may have shown: what clients still have of
    /// these then matches nothing.
    /// </summary>
    public void BeginVersionsAt(DateTimeOffset now) => VersionsAfter = VersionRange.After(0, now);

    /// <summary>Sets what a value may become by a change of a part of it: what a value that comes in whole may be.</summary>
    public void LimitDocuments(DocumentLimits limits) => DocumentLimits = limits;

    /// <summary>
    /// Bytes of memory that the change feed may keep recent changes in, 1 MiB to 16 GiB; default 64 MiB. None is taken before the
    /// first watch. What no longer fits is read from the log, where there is one. A commit that is longer is kept by itself.
    /// </summary>
    public long FeedMemoryBytes { get; set; } = 64 * 1024 * 1024;
}

/// <summary>What makes room for a write when the memory is full.</summary>
public enum EvictionPolicy
{
    /// <summary>Nothing: the write is refused.</summary>
    None,

    /// <summary>
    /// Entries that were used (read or written, but not listed) longest ago are removed, as far as samples of 16 can
    /// tell. Each entry takes 4 bytes more.
    /// </summary>
    Lru,
}
