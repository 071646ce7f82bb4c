using System.Globalization;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Postgres;
using KestrelKv.Wire;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Serilog;
using Serilog.Configuration;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Settings.Configuration;

namespace KestrelKv.Server.Telemetry;

/// <summary>Sets up logging, metrics and traces.</summary>
internal static class TelemetrySetup
{
    private const string ConsoleLine = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>The maximum time that a stop waits for the console to accept the last log lines.</summary>
    private static readonly TimeSpan LogEndTime = TimeSpan.FromSeconds(1);

    /// <summary>Adds Serilog with console output. The section <c>Serilog</c> sets levels and additional sinks.</summary>
    public static void AddLogging(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(
            _ => new ConsoleLog(LoggerSinkConfiguration.CreateSink(sinks => WriteToConsole(sinks, settings.LogFormat)), LogEndTime));
        builder.Services.AddSerilog(
            (services, log) =>
            {
                // The defaults equal the levels in the shipped appsettings.json.
                log.MinimumLevel.Information();
                foreach (string framework in (string[])["Microsoft", "System"]) log.MinimumLevel.Override(framework, LogEventLevel.Warning);
                log.ReadFrom.Configuration(builder.Configuration, ReaderOptions(builder.Configuration));
                log.Filter.ByExcluding(IsExplainedByProgram);
                log.WriteTo.Sink(services.GetRequiredService<ConsoleLog>());
            },
            writeToProviders: true);
    }

    private static void WriteToConsole(LoggerSinkConfiguration sinks, LogFormat format)
    {
        if (format == LogFormat.Json) sinks.Console(new RenderedCompactJsonFormatter());
        else sinks.Console(outputTemplate: ConsoleLine, formatProvider: CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Returns the assemblies that Serilog searches. Sinks require a search of all assemblies, which slows the start;
    /// a section with levels only requires Serilog's own assembly.
    /// </summary>
    private static ConfigurationReaderOptions ReaderOptions(ConfigurationManager configuration) =>
        configuration.GetSection("Serilog").GetChildren().All(section => section.Key == "MinimumLevel")
            ? new(typeof(Logger).Assembly)
            : new();

    /// <summary>Whether the event is the host's report of a failed start. The program reports that failure itself, in one line.</summary>
    private static bool IsExplainedByProgram(LogEvent log) =>
        log.Exception is not null && log.MessageTemplate.Text == "Hosting failed to start";

    /// <summary>
    /// Adds metrics for Prometheus. Exports metrics, logs and traces by OTLP if a standard variable such as
    /// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> sets an endpoint.
    /// </summary>
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        OtlpSettings.Check(builder.Configuration);
        builder.Services.AddSingleton<StoreMetrics>();
        builder.Services.AddSingleton<LogMetrics>();
        IOpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(Describe)
            .WithMetrics(metrics => metrics
                .AddMeter(WireMetrics.MeterName, StoreMetrics.MeterName, LogMetrics.MeterName, AuthMetrics.MeterName, TlsMetrics.MeterName,
                    PostgresMetrics.MeterName)
                .AddMeter("System.Runtime", "Microsoft.AspNetCore.Hosting")
                // Prometheus reserves names that end in "count" for histograms.
                .AddView("dotnet.process.cpu.count", "dotnet.process.cpus")
                .AddView("dotnet.assembly.count", "dotnet.assemblies")
                .AddView("dotnet.timer.count", "dotnet.timers")
                .AddPrometheusExporter());

        if (OtlpSettings.NameReceiver(builder.Configuration))
        {
            if (OtlpSettings.ExportsTraces(builder.Configuration)) telemetry.WithTracing(traces => AddTraces(traces, builder.Configuration));
            telemetry.WithLogging().UseOtlpExporter();
        }
        else LateMetrics.Replace(builder.Services);
    }

    /// <summary>
    /// Adds the spans of requests. By default, a request is recorded if its client records its own span, and no other.
    /// <c>OTEL_TRACES_SAMPLER</c> sets another sampler.
    /// </summary>
    private static void AddTraces(TracerProviderBuilder traces, IConfiguration configuration)
    {
        traces.AddSource(RequestTracing.SourceName, HttpSpans.SourceName);
        if (!OtlpSettings.NameSampler(configuration)) traces.SetSampler(new ParentBasedSampler(new AlwaysOffSampler()));
    }

    /// <summary>
    /// Sets the service name and version. <c>OTEL_SERVICE_NAME</c> and <c>OTEL_RESOURCE_ATTRIBUTES</c> are added last and override them.
    /// </summary>
    private static void Describe(ResourceBuilder resource) =>
        resource.AddService("kestrelkv", serviceVersion: Announcement.ServerVersion).AddEnvironmentVariableDetector();

    public static void MapTelemetry(this WebApplication app)
    {
        // No other service depends on these; their constructors create the instruments.
        app.Services.GetRequiredService<StoreMetrics>();
        app.Services.GetRequiredService<LogMetrics>();
        if (app.Services.GetService<DataDirectory>() is { } directory)
            ActivatorUtilities.CreateInstance<DurabilityMetrics>(app.Services, directory);
        app.Services.GetService<LateMetrics>()?.BeginWhenStarted();

        var scrape = new Lazy<RequestDelegate>(() =>
            ((IApplicationBuilder)app).New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build());
        app.Map("/metrics", context => scrape.Value(context)).ForMetricsReaders().ExcludeFromDescription();
    }
}
