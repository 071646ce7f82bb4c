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
        Write(json, "commits", sample.Commits);
        Write(json, "syncs", sample.Syncs);
        if (sample.SyncLatency is { } sync) WritePercentiles(json, "sync_us", sync);
        Write(json, "received_bytes", sample.ReceivedBytes);
        Write(json, "sent_bytes", sample.SentBytes);
        Write(json, "cpu", sample.Cpu);
        Write(json, "connections", sample.Connections);
        Write(json, "watches", sample.Watches);
        Write(json, "feed_lag", sample.FeedLag);
        Write(json, "keys", sample.Keys);
        Write(json, "bytes", sample.Bytes);
        Write(json, "memory_bytes", sample.MemoryBytes);
        Write(json, "memory_bytes_max", sample.MemoryLimitBytes);
        Write(json, "process_bytes", sample.ProcessBytes);
        Write(json, "evicted", sample.Removals.Evicted);
        Write(json, "expired", sample.Removals.Expired);
        Write(json, "refused", sample.Removals.Refused);
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

    private static void Write(Utf8JsonWriter json, string name, double? number)
    {
        if (number is { } figure) json.WriteNumber(name, Math.Round(figure, 3));
    }

    private static void Write(Utf8JsonWriter json, string name, long? number)
    {
        if (number is { } figure) json.WriteNumber(name, figure);
    }
}
