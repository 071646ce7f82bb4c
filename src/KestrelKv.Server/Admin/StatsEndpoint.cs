using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Server.Hosting;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Figures of the server at a glance; /metrics has them all.</summary>
/// <param name="Keys" example="2">Keys in the store.</param>
/// <param name="Bytes" example="68">Bytes of keys and values in the store.</param>
/// <param name="MemoryBytes" example="912">Bytes of memory that they take, with all that finds them.</param>
/// <param name="MemoryBytesMax" example="0">How many these may be; 0 for no limit.</param>
/// <param name="Expirations" example="0">Keys removed because they had expired.</param>
/// <param name="Evictions" example="0">Keys removed to make room for others.</param>
/// <param name="Refusals" example="0">Writes refused because the memory was full.</param>
/// <param name="Version" example="5">The version of the last commit.</param>
/// <param name="OldestVersion" example="1">The oldest version that a watch can begin with.</param>
/// <param name="Watches" example="0">Watches that are open, on the wire and over HTTP.</param>
/// <param name="RequestIds" example="0">Requests that are remembered by their request_id, or Idempotency-Key.</param>
/// <param name="Durability" example="always">When a write is acknowledged: always, everysec, none; or memory, with which there is nothing on disk.</param>
/// <param name="DurableVersion" example="5">The version of the last commit that is synced to disk.</param>
/// <param name="Disk" example="ok">What the disk does: ok, full or failed.</param>
/// <param name="DiskError" example="null">Why it is full, or has failed.</param>
/// <param name="LogBytes" example="4096">Bytes of the write-ahead log that a start would read.</param>
/// <param name="HistoryBytes" example="0">Bytes of it that are kept beyond that, for the change feed.</param>
/// <param name="LastSnapshotVersion" example="4">The version that the newest snapshot has; null where there is none.</param>
/// <param name="LastSnapshotAt" example="1700000000.5">When it was finished: Unix time in seconds.</param>
/// <param name="LastSnapshotBytes" example="4096">The size of its file.</param>
/// <param name="SnapshotFailures" example="0">Snapshots that could not be written since the start.</param>
/// <param name="Connections" example="1">Connections open on the wire port.</param>
/// <param name="UptimeSeconds" example="3600.5">Seconds since the server started.</param>
/// <param name="ServerVersion" example="0.1.0">The version of the program.</param>
public sealed record Stats(
    long Keys, long Bytes, long MemoryBytes, long MemoryBytesMax, long Expirations, long Evictions, long Refusals, long Version,
    long OldestVersion, long Watches, long RequestIds, string Durability, long? DurableVersion, string? Disk, string? DiskError,
    long? LogBytes, long? HistoryBytes, long? LastSnapshotVersion, decimal? LastSnapshotAt, long? LastSnapshotBytes, long? SnapshotFailures,
    int Connections, double UptimeSeconds, string ServerVersion);

internal static class StatsEndpoint
{
    public static void MapStats(this IEndpointRouteBuilder v1) =>
        v1.MapRead("/stats", Get).WithTags(TagFilter.Server).Produces<Stats>().Refuses(ErrorCode.UnknownParameter);

    /// <summary>Figures of the server at a glance</summary>
    /// <param name="http"></param>
    /// <param name="store"></param>
    /// <param name="connections"></param>
    /// <response code="200">The figures of this moment.</response>
    /// <response code="400">A parameter is not known.</response>
    public static Stats Get(HttpContext http, IKeyValueStore store, WireConnections connections)
    {
        StoreStats stats = store.GetStats();
        DurabilityStats? durable = http.RequestServices.GetService<DataDirectory>()?.GetStats();
        return new(
            stats.Keys, stats.Bytes, stats.MemoryBytes, stats.MemoryBytesMax, stats.Expirations, stats.Evictions, stats.Refusals,
            stats.Version, stats.OldestVersion, stats.Watches, stats.RequestIds,
            Lower(durable?.Mode ?? DurabilityMode.Memory), durable?.DurableVersion,
            durable is null ? null : Lower(durable.Disk), durable?.DiskError, durable?.LogBytes, durable?.HistoryBytes,
            durable?.LastSnapshot?.Version, durable?.LastSnapshot is { } last ? UnixTime.Seconds(last.At) : null,
            durable?.LastSnapshot?.Bytes, durable?.SnapshotFailures,
            connections.Count, Math.Round(connections.Uptime.TotalSeconds, 3), Announcement.ServerVersion);
    }

    private static string Lower<T>(T name)
        where T : struct, Enum => name.ToString().ToLowerInvariant();
}
