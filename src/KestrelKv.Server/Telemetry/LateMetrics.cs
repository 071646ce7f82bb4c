using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.Metrics;
using OpenTelemetry;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Starts OpenTelemetry after both ports listen, so that it does not delay the start. Counters are complete, because the server
/// counts by itself; histograms of durations may lack the very first requests.
/// </summary>
/// <remarks>Not used with OTLP export: invalid OTLP settings must make the start fail.</remarks>
internal sealed class LateMetrics(ITelemetryHostInitializer telemetry, IHostApplicationLifetime lifetime)
{
    /// <summary>Removes the hosted service and the metrics listener that would start OpenTelemetry earlier.</summary>
    public static void Replace(IServiceCollection services)
    {
        services.Remove(services.Single(IsOpenTelemetrys));
        services.RemoveAll<IMetricsListener>();
        services.AddSingleton<LateMetrics>();
    }

    // Callbacks run in reverse order of registration, so OpenTelemetry collects before the server announces its start.
    public void BeginWhenStarted() => lifetime.ApplicationStarted.Register(telemetry.Initialize);

    private static bool IsOpenTelemetrys(ServiceDescriptor service) =>
        service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == typeof(ITelemetryHostInitializer).Assembly;
}
