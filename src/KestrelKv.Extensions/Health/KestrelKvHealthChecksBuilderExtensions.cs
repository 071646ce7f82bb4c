using KestrelKv.Client;
using KestrelKv.Extensions.Health;
using KestrelKv.Extensions.Hosting;
using KestrelKv.Extensions.Settings;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the health check of <see cref="KestrelKvClient"/>.</summary>
public static class KestrelKvHealthChecksBuilderExtensions
{
    /// <summary>Registers a check that sends a PING. It passes if the server answers in time.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name of the check.</param>
    /// <param name="failureStatus">The status of a failed check; null for <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">Tags of the check; null for none.</param>
    /// <param name="timeout">The time after which the check fails, greater than zero; null for 5 seconds.</param>
    /// <param name="clientServiceKey">The service key of the client; null for the client without a key.</param>
    public static IHealthChecksBuilder AddKestrelKvHealthCheck(
        this IHealthChecksBuilder builder, string name = "KestrelKv", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null,
        TimeSpan? timeout = null, object? clientServiceKey = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        TimeSpan limit = timeout ?? KestrelKvClientSettings.HealthCheckTimeoutDefault;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero, nameof(timeout));
        return builder.Add(CreateCheck(name, failureStatus, tags, limit, clientServiceKey));
    }

    internal static HealthCheckRegistration CreateCheck(
        string name, HealthStatus? failureStatus, IEnumerable<string>? tags, TimeSpan timeout, object? clientServiceKey) =>
        new(name, provider => new KestrelKvHealthCheck(provider.Resolve<KestrelKvClient>(clientServiceKey), timeout), failureStatus, tags);
}
