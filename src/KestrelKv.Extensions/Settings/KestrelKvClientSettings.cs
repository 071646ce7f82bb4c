namespace KestrelKv.Extensions.Settings;

/// <summary>
/// The settings of a client that an application registers by the name of its connection:
/// <see cref="Microsoft.Extensions.Hosting.KestrelKvHostApplicationBuilderExtensions"/>.
/// </summary>
public sealed class KestrelKvClientSettings
{
    internal static readonly TimeSpan HealthCheckTimeoutDefault = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The connection string: see <see cref="Client.KestrelKvClientOptions.Parse"/>. Null for the options of the section, and their
    /// defaults.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>Whether to register no health check. The default is false.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether to leave the spans of calls out of the application's traces. The default is false.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether to leave the durations of calls out of the application's metrics. The default is false.</summary>
    public bool DisableMetrics { get; set; }

    /// <summary>The time after which the health check fails, greater than zero. The default is 5 seconds.</summary>
    public TimeSpan HealthCheckTimeout { get; set; } = HealthCheckTimeoutDefault;
}
