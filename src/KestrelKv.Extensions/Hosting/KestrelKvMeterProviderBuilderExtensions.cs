using KestrelKv.Client;

namespace OpenTelemetry.Metrics;

/// <summary>Adds the metrics of <see cref="KestrelKvClient"/>.</summary>
public static class KestrelKvMeterProviderBuilderExtensions
{
    /// <summary>Adds the histogram <c>db.client.operation.duration</c> of the client's calls.</summary>
    /// <param name="builder">The builder.</param>
    public static MeterProviderBuilder AddKestrelKvInstrumentation(this MeterProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddMeter(KestrelKvClient.TelemetryName);
    }
}
