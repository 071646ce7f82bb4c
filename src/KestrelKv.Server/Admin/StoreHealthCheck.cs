using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Postgres;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Reports the state of the disk or of the database. After a disk failure the server is not ready: it refuses writes until it is restarted.
/// With a full disk it is degraded: it serves reads, and writes resume once space is available. Without its database it is not ready.
/// </summary>
internal sealed class StoreHealthCheck(DataDirectory? directory = null, PostgresStore? postgres = null) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (postgres is not null && await postgres.CheckAsync(cancellationToken) is { } reason) return HealthCheckResult.Unhealthy(reason);
        return directory is null ? HealthCheckResult.Healthy() : Check(directory.GetStats());
    }

    private static HealthCheckResult Check(DurabilityStats stats) => stats.Disk switch
    {
        DiskState.Failed => HealthCheckResult.Unhealthy($"the disk has failed: {stats.DiskError}"),
        DiskState.Full => HealthCheckResult.Degraded($"the disk is full: {stats.DiskError}"),
        _ => HealthCheckResult.Healthy(),
    };
}
