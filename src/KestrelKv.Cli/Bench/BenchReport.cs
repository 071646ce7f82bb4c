using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Bench;

/// <summary>A result as text, or as a JSON object.</summary>
internal static class BenchReport
{
    public static string Text(BenchResult result)
    {
        (BenchOptions options, LatencyCounts latencies) = (result.Options, result.Log.Latencies);
        var text = new StringBuilder();
        text.Append(result.Method).Append("\n\n");
        text.Append(CultureInfo.InvariantCulture, $"load      {100 - options.Puts} % GET, {options.Puts} % PUT, ");
        text.Append(CultureInfo.InvariantCulture, $"{Figures.Count(options.Keys)} keys, values of {options.ValueBytes} bytes\n");
        text.Append(CultureInfo.InvariantCulture, $"time      {result.Log.Seconds:0.00} s{(result.IsPartial ? ", interrupted" : "")}\n");
        text.Append(CultureInfo.InvariantCulture, $"requests  {Figures.Count(result.Requests)}, {Figures.Rate(result.PerSecond)} per second\n");
        text.Append($"latency   p50 {Time(latencies, 0.5)}, p99 {Time(latencies, 0.99)}, p99.9 {Time(latencies, 0.999)}, ");
        text.Append($"max {Figures.Microseconds(latencies.Max)}\n");
        text.Append($"errors    {Figures.Count(result.Errors)}");
        foreach ((string code, long count) in result.Log.Errors) text.Append($", {code} {Figures.Count(count)}");
        text.Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"kkv       {result.Cpu:0.00} cores{Delays(result)}\n");
        return text.ToString();
    }

    public static byte[] Json(BenchResult result, long filled) => EntryJson.Object(json =>
    {
        BenchOptions options = result.Options;
        json.WriteString("loop", options.Rate is null ? "closed" : "open");
        json.WriteBoolean("partial", result.IsPartial);
        json.WriteNumber("connections", options.Connections);
        json.WriteNumber("in_flight", options.InFlight);
        if (options.Rate is { } rate) json.WriteNumber("rate", rate);
        json.WriteNumber("put_percent", options.Puts);
        json.WriteNumber("keys", options.Keys);
        json.WriteNumber("value_bytes", options.ValueBytes);
        json.WriteNumber("filled", filled);
        json.WriteNumber("warm_up_requests", result.Log.WarmUp);
        json.WriteNumber("seconds", Math.Round(result.Log.Seconds, 3));
        json.WriteNumber("requests", result.Requests);
        json.WriteNumber("gets", result.Log.Gets);
        json.WriteNumber("puts", result.Log.Puts);
        json.WriteNumber("requests_per_second", Math.Round(result.PerSecond, 1));
        WriteLatencies(json, "latency_us", result.Log.Latencies);
        if (result.StartDelays is { } delays) WriteLatencies(json, "start_delay_us", delays);
        json.WriteStartObject("errors");
        foreach ((string code, long count) in result.Log.Errors) json.WriteNumber(code, count);
        json.WriteEndObject();
        json.WriteNumber("kkv_cpu", Math.Round(result.Cpu, 3));
    });

    private static void WriteLatencies(Utf8JsonWriter json, string name, LatencyCounts latencies)
    {
        json.WriteStartObject(name);
        json.WriteNumber("p50", Math.Round(latencies.Percentile(0.5), 1));
        json.WriteNumber("p99", Math.Round(latencies.Percentile(0.99), 1));
        json.WriteNumber("p999", Math.Round(latencies.Percentile(0.999), 1));
        json.WriteNumber("max", Math.Round(latencies.Max, 1));
        json.WriteEndObject();
    }

    private static string Delays(BenchResult result) => result.StartDelays is not { } delays ? ""
        : $"; it started requests late by p50 {Time(delays, 0.5)}, p99 {Time(delays, 0.99)}, which the latency includes";

    private static string Time(LatencyCounts latencies, double fraction) => Figures.Microseconds(latencies.Percentile(fraction));
}
