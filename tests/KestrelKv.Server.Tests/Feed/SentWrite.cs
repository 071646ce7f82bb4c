using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>
/// A write as it was sent. <paramref name="Value"/> is the <see cref="FeedChange.Digest"/> of the value, which no other write puts; null
/// if it puts none.
/// </summary>
internal sealed record SentWrite(string Function, string Parameters, string Key, string? Value = null)
{
    public string Text => $"{{\"func\": \"{Function}\", \"params\": {{{Parameters}}}}}";

    /// <summary>Returns the change that the response reports; null for none.</summary>
    public FeedChange? Change(JsonElement response)
    {
        long version = response.GetProperty("version").GetInt64();
        if (version == 0)
        {
            Assert.False(response.GetProperty("found").GetBoolean(), $"{Text}: {response}");
            return null;
        }
        string? expiresAt = response.TryGetProperty("expires_at", out JsonElement element) ? element.GetRawText() : null;
        return Function switch
        {
            "DELETE" => new(version, "delete", Key),
            "EXPIRE" => new(version, "set_expiry", Key, null, expiresAt),
            "INCR" => new(version, "put", Key, response.GetProperty("val").GetRawText(), expiresAt),
            _ => new(version, "put", Key, Value, expiresAt),
        };
    }
}
