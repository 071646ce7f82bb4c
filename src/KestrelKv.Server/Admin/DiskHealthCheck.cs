using KestrelKv.Storage.Durability;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// A server whose disk has failed takes no write until it is started again: it is not ready. One whose disk is full takes
/// them again once there is space, and answers reads meanwhile.
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
