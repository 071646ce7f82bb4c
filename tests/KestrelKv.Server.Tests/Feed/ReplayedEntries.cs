using System.Globalization;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>An entry from SCAN, or from the changes of the feed.</summary>
internal sealed record FeedEntry(string Key, string Value, long Version, string ExpiresAt)
{
    /// <summary>Whether it expires within an hour.</summary>
    public bool ExpiresSoon => ExpiresAt != "null" && ExpiresAtMilliseconds < DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds();

    public bool HasExpired => ExpiresAt != "null" && ExpiresAtMilliseconds <= DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private long ExpiresAtMilliseconds => (long)(decimal.Parse(ExpiresAt, CultureInfo.InvariantCulture) * 1_000);
}

internal static class ReplayedEntries
{
    /// <summary>Returns the entries that result from changes to an empty store.</summary>
    public static List<FeedEntry> Replay(IEnumerable<FeedChange> changes)
    {
        SortedDictionary<string, FeedEntry> entries = new(StringComparer.Ordinal);
        foreach (FeedChange change in changes)
        {
            FeedEntry? before = entries.GetValueOrDefault(change.Key);
            Assert.True(before is not null || change.Kind == "put", $"{change} of a missing entry");
            if (change.Kind == "put") entries[change.Key] = new(change.Key, change.Value!, change.Version, change.ExpiresAt!);
            else if (change.Kind == "set_expiry")
                entries[change.Key] = before! with { Version = change.Version, ExpiresAt = change.ExpiresAt! };
            else entries.Remove(change.Key);
            Assert.True(
                change.Kind is "put" or "set_expiry" or "delete" || (change.Kind == "expire" && before!.HasExpired),
                $"{change} of {before}");
        }
        return [.. entries.Values];
    }

    /// <summary>Returns all entries of a server, ordered by key.</summary>
    public static async Task<List<FeedEntry>> ScanAsync(int wirePort)
    {
        using WireClient wire = await WireClient.ConnectAsync(wirePort);
        using JsonDocument reply = JsonDocument.Parse(
            await wire.CallAsync("""{"func": "SCAN", "params": {"limit": 1000, "values": true, "meta": true}}"""));
        JsonElement page = reply.RootElement.GetProperty("response").GetProperty("response");
        Assert.Equal(JsonValueKind.Null, page.GetProperty("next").ValueKind);
        return [.. page.GetProperty("entries").EnumerateArray().Select(entry => new FeedEntry(
            entry.GetProperty("obj").GetString()!, FeedChange.Digest(entry.GetProperty("val").GetRawText()),
            entry.GetProperty("version").GetInt64(), entry.GetProperty("expires_at").GetRawText()))];
    }
}
