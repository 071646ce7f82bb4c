using KestrelKv.Json;

namespace KestrelKv.Storage.Embedded;

/// <summary>Options of the embedded store: memory, eviction, request ids and the feed.</summary>
public class EmbeddedStoreOptions
{
    /// <summary>The minimum of <see cref="MemoryBytesMax"/>, if there is a limit: 1 MiB.</summary>
    public const long MemoryBytesMaxMin = 1024 * 1024;

    /// <summary>The minimum of <see cref="FeedMemoryBytes"/>: 1 MiB.</summary>
    public const long FeedMemoryBytesMin = 1024 * 1024;

    /// <summary>The maximum of <see cref="FeedMemoryBytes"/>: 16 GiB.</summary>
    public const long FeedMemoryBytesMax = 16L * 1024 * 1024 * 1024;

    /// <summary>
    /// The maximum memory of entries, index, ordered keys and expiries (<see cref="StoreStats.MemoryBytes"/>), in bytes: 1,048,576 or
    /// more, or 0, the default, for no limit. The process uses more memory than this: fragmentation between entries, connection buffers,
    /// the runtime. Concurrent writes may exceed the limit by their entries and the growth of one stripe of the index each.
    /// </summary>
    public long MemoryBytesMax { get; set; }

    /// <summary>The policy at the memory limit. Default <see cref="EvictionPolicy.None"/>.</summary>
    public EvictionPolicy Eviction { get; set; }

    /// <summary>
    /// The time for which the results of a batch with a request id are recorded: 1 second to 7 days; default 5 minutes. A record uses
    /// memory and log space like an entry. It is never evicted and not counted among the keys.
    /// </summary>
    public TimeSpan RequestIdWindow { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The maximum memory of all idempotency records, in bytes: 1 MiB or more; default 1 GiB. A batch whose record would exceed it is
    /// refused with <see cref="ResultStatus.MemoryFull"/>.
    /// </summary>
    public long RequestIdBytesMax { get; set; } = 1024 * 1024 * 1024;

    /// <summary>The minimum of <see cref="RequestIdBytesMax"/>: 1 MiB.</summary>
    public const long RequestIdBytesMaxMin = 1024 * 1024;

    /// <summary>The version that precedes the first version of a store in memory.</summary>
    internal long VersionsAfter { get; private set; }

    internal DocumentLimits DocumentLimits { get; private set; } = DocumentLimits.Default;

    /// <summary>
    /// Raises the versions of a store in memory above those of all earlier stores. Versions that clients still hold then match no entry.
    /// </summary>
    public void BeginVersionsAt(DateTimeOffset now) => VersionsAfter = VersionRange.After(0, now);

    /// <summary>Sets the limits of values that result from edits: the same as for values received whole.</summary>
    public void LimitDocuments(DocumentLimits limits) => DocumentLimits = limits;

    /// <summary>
    /// The memory of recent changes for the change feed, in bytes: 1 MiB to 16 GiB; default 64 MiB. Nothing is allocated before the first
    /// watch. Older changes are read from the log, if there is one. A single commit that exceeds the limit is still kept, without others.
    /// </summary>
    public long FeedMemoryBytes { get; set; } = 64 * 1024 * 1024;
}

/// <summary>The policy for writes when memory is full.</summary>
public enum EvictionPolicy
{
    /// <summary>The write is refused.</summary>
    None,

    /// <summary>
    /// The least recently used entries are evicted, approximated by samples of 16. A use is a read or write, but not a listing. Each
    /// entry takes 4 bytes more.
    /// </summary>
    Lru,
}
