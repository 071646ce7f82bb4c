using System.Text.Json;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Top;

/// <summary>A sample as a JSON object. Rates are per second, times are in microseconds. A figure that the source does not have is missing.</summary>
internal static class TopJson
{
    public static byte[] Of(TopSample sample) => EntryJson.Object(json =>
    {
        json.WriteString("time", sample.Time.UtcDateTime);
        json.WriteString("source", sample.Source);
        Write(json, "seconds", sample.Seconds);
        if (sample.Requests is { } requests) WriteRates(json, "requests", requests);
        if (sample.Errors is { } errors) WriteRates(json, "errors", errors);
        if (sample.Latency is { } latency) WritePercentiles(json, "latency_us", latency);
        if (sample.Commits is { } commits) Write(json, "commits", commits);
        if (sample.Syncs is { } syncs) Write(json, "syncs", syncs);
        if (sample.SyncLatency is { } sync) WritePercentiles(json, "sync_us", sync);
        if (sample.ReceivedBytes is { } received) Write(json, "received_bytes", received);
        if (sample.SentBytes is { } sent) Write(json, "sent_bytes", sent);
        if (sample.Cpu is { } cpu) Write(json, "cpu", cpu);
        json.WriteNumber("connections", sample.Connections);
        json.WriteNumber("watches", sample.Watches);
        json.WriteNumber("feed_lag", sample.FeedLag);
        json.WriteNumber("keys", sample.Keys);
        json.WriteNumber("bytes", sample.Bytes);
        json.WriteNumber("memory_bytes", sample.MemoryBytes);
        json.WriteNumber("memory_bytes_max", sample.MemoryLimitBytes);
        if (sample.ProcessBytes is { } process) json.WriteNumber("process_bytes", process);
        if (sample.Removals is not { } removals) return;
        Write(json, "evicted", removals.Evicted);
        Write(json, "expired", removals.Expired);
        Write(json, "refused", removals.Refused);
    });

    private static void WriteRates(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, double> rates)
    {
        json.WriteStartObject(name);
        foreach ((string key, double rate) in rates) Write(json, key, rate);
        json.WriteEndObject();
    }

    private static void WritePercentiles(Utf8JsonWriter json, string name, Percentiles percentiles)
    {
        json.WriteStartObject(name);
        Write(json, "p50", percentiles.P50);
        Write(json, "p99", percentiles.P99);
        Write(json, "p999", percentiles.P999);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, double number) => json.WriteNumber(name, Math.Round(number, 3));
}
