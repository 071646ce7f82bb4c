using System.Globalization;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Wire;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Settings.Configuration;

namespace KestrelKv.Server.Telemetry;

/// <summary>Logs and metrics.</summary>
internal static class TelemetrySetup
{
    /// <summary>The variables of the OpenTelemetry specification that name a receiver.</summary>
    private static readonly string[] OtlpReceivers =
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"];

    private const string ConsoleLine = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Serilog on the console; the section <c>Serilog</c> sets levels, and sinks besides.</summary>
    public static void AddLogging(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddSerilog(
            (_, log) =>
            {
                log.ReadFrom.Configuration(builder.Configuration, WhatItNames(builder.Configuration));
                log.Filter.ByExcluding(IsExplainedByProgram);
                if (settings.LogFormat == LogFormat.Json) log.WriteTo.Console(new RenderedCompactJsonFormatter());
                else log.WriteTo.Console(outputTemplate: ConsoleLine, formatProvider: CultureInfo.InvariantCulture);
            },
            writeToProviders: true);
    }

    /// <summary>
    /// Where Serilog looks for what its section names. For sinks it looks through all assemblies, which takes long for
    /// a start; levels, which are all that there mostly is, need nothing but itself.
    /// </summary>
    private static ConfigurationReaderOptions WhatItNames(ConfigurationManager configuration) =>
        configuration.GetSection("Serilog").GetChildren().All(section => section.Key == "MinimumLevel")
            ? new(typeof(Logger).Assembly)
            : new();

    /// <summary>A failure to start, which the host logs with its whole stack and the program then explains in a line.</summary>
    private static bool IsExplainedByProgram(LogEvent log) =>
        log.Exception is { } e && StartFailure.Explain(e) is not null &&
        log.Properties.TryGetValue(Constants.SourceContextPropertyName, out LogEventPropertyValue? source) &&
        source is ScalarValue { Value: "Microsoft.Extensions.Hosting.Internal.Host" };

    /// <summary>
    /// Metrics for Prometheus; and metrics and logs by OTLP where the standard variables name a receiver
    /// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and its like).
    /// </summary>
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<StoreMetrics>();
        IOpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("kestrelkv", serviceVersion: Announcement.ServerVersion))
            .WithMetrics(metrics => metrics
                .AddMeter(WireMetrics.MeterName, StoreMetrics.MeterName)
                .AddMeter("System.Runtime", "Microsoft.AspNetCore.Hosting")
                // To Prometheus, a name that ends in "count" is that of a histogram's part.
                .AddView("dotnet.process.cpu.count", "dotnet.process.cpus")
                .AddView("dotnet.assembly.count", "dotnet.assemblies")
                .AddView("dotnet.timer.count", "dotnet.timers")
                .AddPrometheusExporter());

        if (OtlpReceivers.Any(name => !string.IsNullOrEmpty(builder.Configuration[name])))
            telemetry.WithLogging().UseOtlpExporter();
        else
            LateMetrics.Replace(builder.Services);
    }

    public static void MapTelemetry(this WebApplication app)
    {
        // Nobody else asks for them, and their instruments exist from their construction on.
        app.Services.GetRequiredService<StoreMetrics>();
        if (app.Services.GetRequiredService<IKeyValueStore>() is DurableStore durable)
            ActivatorUtilities.CreateInstance<DurabilityMetrics>(app.Services, durable);
        app.Services.GetService<LateMetrics>()?.BeginWhenStarted();

        var scrape = new Lazy<RequestDelegate>(() =>
            ((IApplicationBuilder)app).New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build());
        app.Map("/metrics", context => scrape.Value(context)).ExcludeFromDescription();
    }
}
