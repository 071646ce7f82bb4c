using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>One write, or several as one batch.</summary>
internal sealed class SentCall(params SentWrite[] writes)
{
    /// <summary>The values that it puts, in their order, which no other call does.</summary>
    public IReadOnlyList<string> Values { get; } = [.. writes.Select(write => write.Value).OfType<string>()];

    /// <summary>The version of its commit; 0 where it was acknowledged that it changed nothing; null where it was not acknowledged.</summary>
    public long? Version { get; private set; }

    /// <summary>The changes that it was acknowledged to have made.</summary>
    public IReadOnlyList<FeedChange> Changes { get; private set; } = [];

    /// <summary>The body of the request.</summary>
    public string Text => writes is [var write] ? write.Text : $"{{\"func\": \"BATCH\", \"params\": {{\"ops\": [{string.Join(", ", writes.Select(write => write.Text))}]}}}}";

    /// <summary>Takes the reply.</summary>
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
