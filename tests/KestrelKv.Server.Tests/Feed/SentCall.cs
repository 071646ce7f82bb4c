using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>A call with one write, or with several as one batch.</summary>
internal sealed class SentCall(params SentWrite[] writes)
{
    /// <summary>The values that it puts, in order. No other call puts them.</summary>
    public IReadOnlyList<string> Values { get; } = [.. writes.Select(write => write.Value).OfType<string>()];

    /// <summary>The version of its commit; 0 if the reply reports no change; null if it was not acknowledged.</summary>
    public long? Version { get; private set; }

    /// <summary>The changes that its reply reports.</summary>
    public IReadOnlyList<FeedChange> Changes { get; private set; } = [];

    public string Text =>
        writes is [var write]
            ? write.Text
            : $"{{\"func\": \"BATCH\", \"params\": {{\"ops\": [{string.Join(", ", writes.Select(write => write.Text))}]}}}}";

    public void Acknowledge(string body)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        Assert.True(document.RootElement.TryGetProperty("response", out JsonElement reply), body);
        JsonElement response = reply.GetProperty("response");
        IEnumerable<JsonElement> results = writes.Length == 1 ? [response] : response.GetProperty("results").EnumerateArray();
        Changes = [.. writes.Zip(results, (write, result) => write.Change(result)).OfType<FeedChange>()];
        Version = response.GetProperty("version").GetInt64();
        Assert.All(Changes, change => Assert.Equal(Version, change.Version));
    }
}
