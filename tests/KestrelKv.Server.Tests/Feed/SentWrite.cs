using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>A write as it was sent.</summary>
/// <param name="Function">Its function.</param>
/// <param name="Parameters">The members of its parameters.</param>
/// <param name="Key">Its key.</param>
/// <param name="Value">What stands for the value that it puts, which no other write does; null where it puts none.</param>
internal sealed record SentWrite(string Function, string Parameters, string Key, string? Value = null)
{
    /// <summary>As the wire has it.</summary>
    public string Text => $"{{\"func\": \"{Function}\", \"params\": {{{Parameters}}}}}";

    /// <summary>The change that it must have made, as its response tells; null for none.</summary>
    public FeedChange? Change(JsonElement response)
    {
        long version = response.GetProperty("version").GetInt64();
        if (version == 0)
        {
            Assert.False(response.GetProperty("found").GetBoolean(), $"{Text}: {response}");
            return null;
        }
        string? expiresAt = response.TryGetProperty("expires_at", out JsonElement given) ? given.GetRawText() : null;
        return Function switch
        {
            "DELETE" => new(version, "delete", Key),
            "EXPIRE" => new(version, "set_expiry", Key, null, expiresAt),
            "INCR" => new(version, "put", Key, response.GetProperty("val").GetRawText(), expiresAt),
            _ => new(version, "put", Key, Value, expiresAt),
        };
    }
}
