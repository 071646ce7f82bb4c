using KestrelKv.Storage.Durability;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Reports the state of the disk. After a disk failure the server is not ready: it refuses writes until it is restarted. With a
/// full disk it is degraded: it serves reads, and writes resume once space is available.
/// </summary>
internal sealed class DiskHealthCheck(DataDirectory? directory = null) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(directory is not null ? Check(directory.GetStats()) : HealthCheckResult.Healthy());

    private static HealthCheckResult Check(DurabilityStats stats) => stats.Disk switch
    {
        DiskState.Failed => HealthCheckResult.Unhealthy($"the disk has failed: {stats.DiskError}"),
        DiskState.Full => HealthCheckResult.Degraded($"the disk is full: {stats.DiskError}"),
        _ => HealthCheckResult.Healthy(),
    };
}
