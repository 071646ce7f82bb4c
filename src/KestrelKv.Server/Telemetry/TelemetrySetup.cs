using System.Globalization;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Settings;
using KestrelKv.Storage.Durability;
using KestrelKv.Wire;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Serilog;
using Serilog.Configuration;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Settings.Configuration;

namespace KestrelKv.Server.Telemetry;

/// <summary>Logs and metrics.</summary>
internal static class TelemetrySetup
{
    private const string ConsoleLine = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>How long a stop waits for the console to take the last lines of the log.</summary>
    private static readonly TimeSpan LogEndTime = TimeSpan.FromSeconds(1);

    /// <summary>Serilog on the console; the section <c>Serilog</c> sets levels, and sinks besides.</summary>
    public static void AddLogging(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(_ => new ConsoleLog(LoggerSinkConfiguration.CreateSink(sinks => WriteToConsole(sinks, settings.LogFormat)), LogEndTime));
        builder.Services.AddSerilog(
            (services, log) =>
            {
                // The levels that appsettings.json has, for a file without them.
                log.MinimumLevel.Information();
                foreach (string framework in (string[])["Microsoft", "System"]) log.MinimumLevel.Override(framework, LogEventLevel.Warning);
                log.ReadFrom.Configuration(builder.Configuration, WhatItNames(builder.Configuration));
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
    /// Where Serilog looks for what its section names. For sinks it looks through all assemblies, which takes long for
    /// a start; levels, which are all that there mostly is, need nothing but itself.
    /// </summary>
    private static ConfigurationReaderOptions WhatItNames(ConfigurationManager configuration) =>
        configuration.GetSection("Serilog").GetChildren().All(section => section.Key == "MinimumLevel")
            ? new(typeof(Logger).Assembly)
            : new();

    /// <summary>A failure to start: the host logs it with its stack trace, and the program explains it in a line.</summary>
    private static bool IsExplainedByProgram(LogEvent log) => log.Exception is not null && log.MessageTemplate.Text == "Hosting failed to start";

    /// <summary>
    /// Metrics for Prometheus; and metrics and logs by OTLP where the standard variables name a receiver
    /// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and its like).
    /// </summary>
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        OtlpSettings.Check(builder.Configuration);
        builder.Services.AddSingleton<StoreMetrics>();
        builder.Services.AddSingleton<LogMetrics>();
        IOpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(Describe)
            .WithMetrics(metrics => metrics
                .AddMeter(WireMetrics.MeterName, StoreMetrics.MeterName, LogMetrics.MeterName)
                .AddMeter("System.Runtime", "Microsoft.AspNetCore.Hosting")
                // To Prometheus, a name that ends in "count" is that of a histogram's part.
                .AddView("dotnet.process.cpu.count", "dotnet.process.cpus")
                .AddView("dotnet.assembly.count", "dotnet.assemblies")
                .AddView("dotnet.timer.count", "dotnet.timers")
                .AddPrometheusExporter());

        if (OtlpSettings.NameReceiver(builder.Configuration))
            telemetry.WithLogging().UseOtlpExporter();
        else
            LateMetrics.Replace(builder.Services);
    }

    /// <summary>The names of the service; those in <c>OTEL_SERVICE_NAME</c> and <c>OTEL_RESOURCE_ATTRIBUTES</c> win, as what is added last does.</summary>
    private static void Describe(ResourceBuilder resource) =>
        resource.AddService("kestrelkv", serviceVersion: Announcement.ServerVersion).AddEnvironmentVariableDetector();

    public static void MapTelemetry(this WebApplication app)
    {
        // Nobody else asks for them, and their instruments exist from their construction on.
        app.Services.GetRequiredService<StoreMetrics>();
        app.Services.GetRequiredService<LogMetrics>();
        if (app.Services.GetService<DataDirectory>() is { } directory)
            ActivatorUtilities.CreateInstance<DurabilityMetrics>(app.Services, directory);
        app.Services.GetService<LateMetrics>()?.BeginWhenStarted();

        var scrape = new Lazy<RequestDelegate>(() =>
            ((IApplicationBuilder)app).New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build());
        app.Map("/metrics", context => scrape.Value(context)).ExcludeFromDescription();
    }
}
