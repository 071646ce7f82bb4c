using KestrelKv.Client;
using KestrelKv.Extensions.Hosting;
using KestrelKv.Extensions.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Microsoft.Extensions.Hosting;

/// <summary>
/// Registers <see cref="KestrelKvClient"/> by the name of its connection, with health check, tracing and metrics, as Aspire integrations
/// do.
/// </summary>
/// <remarks>
/// The options are set by the connection string (<c>ConnectionStrings:{name}</c>, otherwise <c>ConnectionString</c> of a section), then by the
/// sections <c>KestrelKv:Client</c> and <c>KestrelKv:Client:{name}</c>, then by code. Each overrides the ones before. The sections have the
/// properties of <see cref="KestrelKvClientSettings"/> and of <see cref="KestrelKvClientOptions"/>. Without a connection string and a
/// <c>Host</c>, the host does not start.
/// </remarks>
public static class KestrelKvHostApplicationBuilderExtensions
{
    private const string SectionName = "KestrelKv:Client";

    /// <summary>Registers a client.</summary>
    /// <param name="builder">The builder of the application.</param>
    /// <param name="connectionName">The name of the connection, such as that of the resource in an Aspire application host.</param>
    /// <param name="configureSettings">Changes the settings after they were read; null for none.</param>
    /// <param name="configureOptions">Changes the options of the client; null for none.</param>
    /// <exception cref="OptionsValidationException">A setting is invalid. The message names it.</exception>
    public static void AddKestrelKvClient(
        this IHostApplicationBuilder builder, string connectionName, Action<KestrelKvClientSettings>? configureSettings = null,
        Action<KestrelKvClientOptions>? configureOptions = null) =>
        Add(builder, connectionName, null, configureSettings, configureOptions);

    /// <summary>Registers a client with its name as service key. See <see cref="FromKeyedServicesAttribute"/>.</summary>
    /// <param name="builder">The builder of the application.</param>
    /// <param name="name">The name of the connection, and the key of the client.</param>
    /// <param name="configureSettings">Changes the settings after they were read; null for none.</param>
    /// <param name="configureOptions">Changes the options of the client; null for none.</param>
    /// <exception cref="OptionsValidationException">A setting is invalid. The message names it.</exception>
    public static void AddKeyedKestrelKvClient(
        this IHostApplicationBuilder builder, string name, Action<KestrelKvClientSettings>? configureSettings = null,
        Action<KestrelKvClientOptions>? configureOptions = null) =>
        Add(builder, name, name, configureSettings, configureOptions);

    private static void Add(
        IHostApplicationBuilder builder, string name, string? serviceKey, Action<KestrelKvClientSettings>? configureSettings,
        Action<KestrelKvClientOptions>? configureOptions)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        IConfigurationSection common = builder.Configuration.GetSection(SectionName), named = common.GetSection(name);
        string connectionStringPath = $"ConnectionStrings:{name}";
        var settings = new KestrelKvClientSettings();
        SettingsReader.Read(common, settings);
        SettingsReader.Read(named, settings);
        if (builder.Configuration[connectionStringPath] is { Length: > 0 } connectionString) settings.ConnectionString = connectionString;
        configureSettings?.Invoke(settings);

        string source = $"settings {common.Path}, {named.Path}, {connectionStringPath}";
        ClientRegistration.Add(builder.Services, serviceKey, source, (_, options) =>
        {
            if (settings.ConnectionString is { Length: > 0 } text) SettingsReader.ApplySetting($"ConnectionString ({source})", () => options.Apply(text));
            else if (!SettingsReader.HasServer(common) && !SettingsReader.HasServer(named) && configureOptions is null) throw NoServer(name, named.Path);
            SettingsReader.ReadOptions(common, options);
            SettingsReader.ReadOptions(named, options);
            configureOptions?.Invoke(options);
        });
        if (!settings.DisableHealthChecks)
        {
            HealthCheckRegistration check = KestrelKvHealthChecksBuilderExtensions.CreateCheck(
                serviceKey is null ? "KestrelKv" : $"KestrelKv_{serviceKey}", null, null, settings.HealthCheckTimeout, serviceKey);
            builder.Services.AddHealthChecks();
            builder.Services.Configure<HealthCheckServiceOptions>(options =>
            {
                // Registrations of the same client share its check: two of one name are an error.
                if (options.Registrations.All(other => other.Name != check.Name)) options.Registrations.Add(check);
            });
        }
        if (!settings.DisableTracing) builder.Services.ConfigureOpenTelemetryTracerProvider(tracing => tracing.AddKestrelKvInstrumentation());
        if (!settings.DisableMetrics) builder.Services.ConfigureOpenTelemetryMeterProvider(metrics => metrics.AddKestrelKvInstrumentation());
    }

    private static OptionsValidationException NoServer(string name, string section) => new(
        name, typeof(KestrelKvClientOptions),
        [$"The KestrelKv client \"{name}\" has no server. Set ConnectionStrings:{name}, {section}:ConnectionString or {section}:Host."]);
}
