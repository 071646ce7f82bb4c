using KestrelKv.Client;

namespace OpenTelemetry.Trace;

/// <summary>Adds the spans of <see cref="KestrelKvClient"/> to traces.</summary>
public static class KestrelKvTracerProviderBuilderExtensions
{
    /// <summary>
    /// Adds a span for each call, named by the OpenTelemetry conventions for database clients. If the span is recorded, the request has its
    /// context, so that the server's span becomes its child.
    /// </summary>
    /// <param name="builder">The builder.</param>
    public static TracerProviderBuilder AddKestrelKvInstrumentation(this TracerProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddSource(KestrelKvClient.TelemetryName);
    }
}
