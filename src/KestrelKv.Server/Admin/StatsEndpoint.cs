using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The main statistics of the server. /metrics has all of them.</summary>
/// <param name="Keys" example="2">The number of keys in the store.</param>
/// <param name="Bytes" example="68">The size of all keys and values, in bytes.</param>
/// <param name="MemoryBytes" example="912">The memory used by keys, values and indexes, in bytes.</param>
/// <param name="MemoryBytesMax" example="0">The memory limit in bytes; 0 for no limit.</param>
/// <param name="Expirations" example="0">The number of keys removed because they expired.</param>
/// <param name="Evictions" example="0">The number of keys evicted to free memory.</param>
/// <param name="Refusals" example="0">The number of writes refused because the memory limit was reached.</param>
/// <param name="Version" example="5">The version of the last commit.</param>
/// <param name="OldestVersion" example="1">The oldest version from which a watch can start.</param>
/// <param name="Watches" example="0">The number of open watches, on the wire and over HTTP.</param>
/// <param name="RequestIds" example="0">The number of idempotency records.</param>
/// <param name="Engine" example="embedded">The engine of the store: embedded, or postgres.</param>
/// <param name="Durability" example="always">The durability mode: always, everysec, none, or memory (no data on disk).</param>
/// <param name="DurableVersion" example="5">The version of the last commit that is synced to disk.</param>
/// <param name="Disk" example="ok">The state of the disk: ok, full or failed.</param>
/// <param name="DiskError" example="null">The error that made the disk full or failed; otherwise null.</param>
/// <param name="LogBytes" example="4096">The size of the write-ahead log that a start reads, in bytes.</param>
/// <param name="HistoryBytes" example="0">The size of the historical segments kept for the change feed, in bytes.</param>
/// <param name="LastSnapshotVersion" example="4">The version of the newest snapshot; null if there is none.</param>
/// <param name="LastSnapshotAt" example="1700000000.5">The completion time of the newest snapshot: Unix time in seconds.</param>
/// <param name="LastSnapshotBytes" example="4096">The size of the newest snapshot in bytes.</param>
/// <param name="SnapshotFailures" example="0">The number of failed snapshots since the start.</param>
/// <param name="Connections" example="1">The number of open connections on the wire port.</param>
/// <param name="UptimeSeconds" example="3600.5">The time since the server started, in seconds.</param>
/// <param name="ServerVersion" example="0.1.0">The version of the server program.</param>
public sealed record Stats(
    long Keys, long Bytes, long MemoryBytes, long MemoryBytesMax, long Expirations, long Evictions, long Refusals, long Version,
    long OldestVersion, long Watches, long RequestIds, string Engine, string Durability, long? DurableVersion, string? Disk, string? DiskError,
    long? LogBytes, long? HistoryBytes, long? LastSnapshotVersion, decimal? LastSnapshotAt, long? LastSnapshotBytes, long? SnapshotFailures,
    int Connections, double UptimeSeconds, string ServerVersion);

internal static class StatsEndpoint
{
    public static void MapStats(this IEndpointRouteBuilder v1) =>
        v1.MapRead("/stats", Get).ForAdmins().WithTags(TagFilter.Server).Produces<Stats>().Refuses(ErrorCode.UnknownParameter);

    /// <summary>Returns the main statistics of the server</summary>
    /// <response code="200">The current statistics.</response>
    /// <response code="400">A parameter is unknown.</response>
    public static Stats Get(HttpContext http, IKeyValueStore store, StoreSettings settings, WireConnections connections)
    {
        StoreStats stats = store.GetStats();
        DurabilityStats? durable = http.RequestServices.GetService<DataDirectory>()?.GetStats();
        return new(
            stats.Keys, stats.Bytes, stats.MemoryBytes, stats.MemoryBytesMax, stats.Expirations, stats.Evictions, stats.Refusals,
            stats.Version, stats.OldestVersion, stats.Watches, stats.RequestIds,
            Lower(settings.Engine), Lower(stats.Durability), durable?.DurableVersion,
            durable is null ? null : Lower(durable.Disk), durable?.DiskError, durable?.LogBytes, durable?.HistoryBytes,
            durable?.LastSnapshot?.Version, durable?.LastSnapshot is { } last ? UnixTime.Seconds(last.At) : null,
            durable?.LastSnapshot?.Bytes, durable?.SnapshotFailures,
            connections.Count, Math.Round(connections.Uptime.TotalSeconds, 3), Announcement.ServerVersion);
    }

    private static string Lower<T>(T name)
        where T : struct, Enum => name.ToString().ToLowerInvariant();
}
