using System.Diagnostics.Metrics;

namespace KestrelKv.Server.Telemetry;

/// <summary>The metric of the console log.</summary>
internal sealed class LogMetrics
{
    public const string MeterName = "KestrelKv.Log";

    public LogMetrics(IMeterFactory meters, ConsoleLog log) => meters.Create(MeterName).CreateObservableCounter(
        "kestrelkv.log.dropped", () => log.Dropped, "{line}", "Log lines that were dropped because standard output was not read.");
}
