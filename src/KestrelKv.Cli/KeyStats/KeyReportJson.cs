using System.Text.Json;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.KeyStats;

/// <summary>A report as a JSON object.</summary>
internal static class KeyReportJson
{
    public static byte[] Of(KeyReport report) => EntryJson.Object(json =>
    {
        json.WriteString("prefix", report.All.Prefix);
        json.WriteString("delimiter", report.Delimiter);
        json.WriteBoolean("complete", report.IsComplete);
        json.WriteString("after", report.After);
        json.WriteString("position", report.Position);
        json.WriteNumber("seconds", Math.Round(report.Time.TotalSeconds, 3));
        WriteGroup(json, report, report.All);
        json.WriteStartArray("prefixes");
        foreach (PrefixGroup group in report.Groups)
        {
            json.WriteStartObject();
            json.WriteString("prefix", group.Prefix);
            json.WriteNumber("depth", group.Depth);
            WriteGroup(json, report, group);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteLargest(json, report);
        json.WriteStartObject("expiring_within");
        foreach ((string name, Tally tally) in report.Expiries.All) json.WriteNumber(name, tally.Keys);
        json.WriteEndObject();
    });

    private static void WriteGroup(Utf8JsonWriter json, KeyReport report, PrefixGroup group)
    {
        Write(json, group.Total);
        json.WriteNumber("groups", group.Groups);
        (long count, Tally tally) = report.Untracked(group);
        if (count == 0) return;
        json.WriteStartObject("untracked");
        json.WriteNumber("groups", count);
        Write(json, tally);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, in Tally tally)
    {
        json.WriteNumber("keys", tally.Keys);
        json.WriteNumber("bytes", tally.Bytes);
        json.WriteNumber("expiring", tally.Expiring);
    }

    private static void WriteLargest(Utf8JsonWriter json, KeyReport report)
    {
        json.WriteStartArray("largest");
        foreach ((string key, long bytes) in report.Largest)
        {
            json.WriteStartObject();
            json.WriteString("key", key);
            json.WriteNumber("bytes", bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
