using KestrelKv.Client;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Extensions.Health;

/// <summary>A health check that sends a PING. The description has no address. The exception has the server's address, but no secret.</summary>
internal sealed class KestrelKvHealthCheck(KestrelKvClient client, TimeSpan timeout) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            TimeSpan roundTrip = await client.PingAsync(new() { Timeout = timeout }, cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy(data: new Dictionary<string, object> { ["round_trip_ms"] = roundTrip.TotalMilliseconds });
        }
        catch (KestrelKvException e)
        {
            string description = e.IsTimeout ? $"The server did not answer a PING within {timeout.TotalSeconds} seconds." : "The PING failed.";
            return new HealthCheckResult(context.Registration.FailureStatus, description, e);
        }
    }
}
