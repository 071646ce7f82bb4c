using KestrelKv.Extensions.Health;
using KestrelKv.Extensions.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the health check of <see cref="KestrelKv.Client.KestrelKvClient"/>.</summary>
public static class KestrelKvHealthChecksBuilderExtensions
{
    /// <summary>The default of the time after which the check fails.</summary>
    private static readonly TimeSpan TimeoutDefault = TimeSpan.FromSeconds(5);

    /// <summary>Registers a check that sends a PING. It passes if the server answers in time.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">The name of the check.</param>
    /// <param name="failureStatus">The status of a failed check; null for <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">Tags of the check; null for none.</param>
    /// <param name="timeout">The time after which the check fails, greater than zero; null for 5 seconds.</param>
    /// <param name="serviceKey">The key of the client; null for the client without a key.</param>
    public static IHealthChecksBuilder AddKestrelKvHealthCheck(
        this IHealthChecksBuilder builder, string name = "KestrelKv", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null,
        TimeSpan? timeout = null, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        TimeSpan limit = timeout ?? TimeoutDefault;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero, nameof(timeout));
        return builder.Add(CreateCheck(name, failureStatus, tags, limit, serviceKey));
    }

    internal static HealthCheckRegistration CreateCheck(
        string name, HealthStatus? failureStatus, IEnumerable<string>? tags, TimeSpan timeout, object? serviceKey) =>
        new(name, provider => new KestrelKvHealthCheck(ClientRegistration.Resolve(provider, serviceKey), timeout), failureStatus, tags);
}
