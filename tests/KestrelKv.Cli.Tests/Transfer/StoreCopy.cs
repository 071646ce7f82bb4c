using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>The entries under a prefix as texts: value and expiry by key. The model that exports and copies are compared with.</summary>
public sealed class StoreCopy
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 2_000 };

    public SortedDictionary<string, (string Value, string ExpiresAt)> Entries { get; } = new(StringComparer.Ordinal);

    public static KestrelKvClient Connect(ServerProcess server) => new($"kestrelkv://127.0.0.1:{server.WirePort}?Timeout=60");

    /// <summary>Reads the entries of a server.</summary>
    public static async Task<StoreCopy> ReadAsync(KestrelKvClient client, string prefix)
    {
        var copy = new StoreCopy();
        string? after = null;
        do
        {
            string from = after is null ? "" : $", \"after\": {after}";
            var page = new ArrayBufferWriter<byte>();
            await client.CallUtf8Async(
                "SCAN", Encoding.UTF8.GetBytes($"\"prefix\": \"{prefix}\"{from}, \"limit\": 1000, \"values\": true, \"meta\": true"), page,
                    mayRepeat: true);
            using JsonDocument json = JsonDocument.Parse(page.WrittenMemory, Deep);
            foreach (JsonElement entry in json.RootElement.GetProperty("entries").EnumerateArray())
                copy.Entries[entry.GetProperty("obj").GetString()!] = (entry.GetProperty("val").GetRawText(),
                    entry.GetProperty("expires_at").GetRawText());
            after = json.RootElement.GetProperty("next") is { ValueKind: JsonValueKind.String } next ? next.GetRawText() : null;
        }
        while (after is not null);
        return copy;
    }

    /// <summary>Applies the lines of an export in order, as any reader would.</summary>
    /// <returns>The version of the export.</returns>
    public static long Read(string file, out StoreCopy copy)
    {
        copy = new();
        string[] lines = File.ReadAllLines(file);
        Assert.StartsWith("{\"export\":", lines[0], StringComparison.Ordinal);
        foreach (string line in lines[1..^1])
        {
            using JsonDocument json = JsonDocument.Parse(line, Deep);
            copy.Apply(json.RootElement);
        }
        using JsonDocument end = JsonDocument.Parse(lines[^1]);
        int entries = Array.FindIndex(lines, line => line.StartsWith("{\"changes\":", StringComparison.Ordinal)) - 1;
        Assert.Equal(entries, end.RootElement.GetProperty("end").GetProperty("entries").GetInt32());
        return end.RootElement.GetProperty("end").GetProperty("version").GetInt64();
    }

    /// <summary>Applies a change of a watch.</summary>
    public void Apply(in WatchEvent<JsonElement> change)
    {
        string expiry = change.ExpiresAt is { } time ? (time.ToUnixTimeMilliseconds() / 1000m).ToString("0.###", CultureInfo.InvariantCulture)
            : "null";
        if (change.Kind == WatchEventKind.Put) Entries[change.Key] = (change.Value.GetRawText(), expiry);
        else if (change.IsRemoval) Entries.Remove(change.Key);
        else if (Entries.TryGetValue(change.Key, out var entry)) Entries[change.Key] = (entry.Value, expiry);
    }

    /// <summary>
    /// Removes the entries that <see cref="Writers"/> let expire at once. The server hides them before their removal has a version, so that a
    /// listing may lack them.
    /// </summary>
    public StoreCopy WithoutShortLived()
    {
        var rest = new StoreCopy();
        foreach ((string key, (string Value, string ExpiresAt) entry) in Entries)
            if (entry.ExpiresAt == "null" || decimal.Parse(entry.ExpiresAt, CultureInfo.InvariantCulture) >= Writers.LateExpiry) rest.Entries[key] =
                entry;
        return rest;
    }

    public void AssertEquals(StoreCopy other)
    {
        string[] missing = [.. Entries.Keys.Except(other.Entries.Keys).Take(5)], further = [.. other.Entries.Keys.Except(Entries.Keys).Take(5)];
        Assert.True(
            missing.Length + further.Length == 0,
            $"missing: {string.Join(", ", missing.Select(key => $"{key} = {Entries[key]}"))}; " +
            $"further: {string.Join(", ", further.Select(key => $"{key} = {other.Entries[key]}"))}");
        foreach ((string key, (string Value, string ExpiresAt) entry) in Entries)
        {
            Assert.True(other.Entries.TryGetValue(key, out var found), $"the key {key} is missing");
            Assert.Equal((key, entry), (key, found));
        }
    }

    private void Apply(JsonElement line)
    {
        if (line.TryGetProperty("changes", out _)) return;
        string key = line.GetProperty("key").GetString()!;
        if (line.TryGetProperty("deleted", out _)) Entries.Remove(key);
        else if (line.TryGetProperty("value", out JsonElement value)) Entries[key] = (value.GetRawText(),
            line.GetProperty("expires_at").GetRawText());
        else if (line.TryGetProperty("text", out JsonElement text)) Entries[key] = (text.GetString()!, line.GetProperty("expires_at").GetRawText());
        else if (Entries.TryGetValue(key, out var entry)) Entries[key] = (entry.Value, line.GetProperty("expires_at").GetRawText());
    }
}
