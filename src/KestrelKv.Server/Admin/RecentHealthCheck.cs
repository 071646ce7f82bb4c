using KestrelKv.Server.Admin.Security;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Server.Admin;

/// <summary>
/// The result of <see cref="WireHealthCheck"/>. If the server has users, the result is at most a second old: everybody may ask, and each
/// check opens a connection. Thread-safe.
/// </summary>
internal sealed class RecentHealthCheck(WireHealthCheck wire, RequestClients clients, TimeProvider time) : IHealthCheck, IDisposable
{
    private static readonly TimeSpan AgeMax = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private HealthCheckResult _result;
    private long? _checkedAt;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!clients.HasUsers) return await wire.CheckHealthAsync(context, cancellationToken);
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            if (_checkedAt is { } then && time.GetElapsedTime(then) < AgeMax) return _result;
            _result = await wire.CheckHealthAsync(context, cancellationToken);
            _checkedAt = time.GetTimestamp();
            return _result;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public void Dispose() => _oneAtATime.Dispose();
}
