using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.Metrics;
using OpenTelemetry;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Has OpenTelemetry begin to collect once both ports listen: no client should wait for it. Counts are the server's own
/// and miss nothing by that, durations only those of the very first requests.
/// </summary>
/// <remarks>Not where metrics are sent by OTLP: settings of a receiver that make no sense are to end the start.</remarks>
internal sealed class LateMetrics(ITelemetryHostInitializer telemetry, IHostApplicationLifetime lifetime)
{
    /// <summary>Takes the place of what would have it begin before: its own service, and its listener to the host's metrics.</summary>
    public static void Replace(IServiceCollection services)
    {
        services.Remove(services.Single(IsOpenTelemetrys));
        services.RemoveAll<IMetricsListener>();
        services.AddSingleton<LateMetrics>();
    }

    // What is registered later is called sooner: so who waits for the announcement has all durations counted.
    public void BeginWhenStarted() => lifetime.ApplicationStarted.Register(telemetry.Initialize);

    private static bool IsOpenTelemetrys(ServiceDescriptor service) =>
        service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == typeof(ITelemetryHostInitializer).Assembly;
}
