using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using KestrelKv.Client;

namespace KestrelKv.Sample;

/// <summary>The news of the shop as server-sent events.</summary>
internal static class News
{
    /// <summary>Returns the news from a version on, or the next ones if it is null. The event <c>progress</c> reports that all earlier news were sent.</summary>
    public static async IAsyncEnumerable<SseItem<string>> ReadAsync(
        KestrelKvClient kv, long? fromVersion, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (WatchEvent<string> change in kv.WatchAsync<string>(
            "shop/news/", new() { FromVersion = fromVersion, ReportProgress = true }, cancellationToken))
        {
            if (change.Kind == WatchEventKind.Put) yield return new(change.Value!, "news") { EventId = $"{change.Version}" };
            if (change.Kind == WatchEventKind.Progress) yield return new("", "progress") { EventId = $"{change.Version}" };
        }
    }
}
