using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text.Json;
using KestrelKv.Server.Tests.Histories;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>Watches server-sent events, and resumes with Last-Event-ID.</summary>
internal sealed class EventWatcher(Lives lives, string prefix, Random random) : IFeedWatcher
{
    /// <inheritdoc/>
    public CollectedFeed Feed { get; } = new(prefix);

    /// <inheritdoc/>
    public int Watches { get; private set; }

    /// <inheritdoc/>
    public async Task RunAsync(Func<bool> continues)
    {
        using var http = new HttpClient();
        while (continues())
        {
            try
            {
                await WatchAsync(http, continues);
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                // The server was killed.
            }
            await Task.Delay(random.Next(50));
        }
    }

    private async Task WatchAsync(HttpClient http, Func<bool> continues)
    {
        Watches++;
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(lives.Now.Admin, $"v1/watch?prefix={Uri.EscapeDataString(prefix)}&values=true&bookmark_interval=0.1"));
        request.Headers.Add("Last-Event-ID", Feed.Position.ToString(CultureInfo.InvariantCulture));
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        string refusal = response.IsSuccessStatusCode ? "" : await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{response} {refusal}");

        using Stream stream = await response.Content.ReadAsStreamAsync();
        SseParser<string> events = SseParser.Create(stream);
        int left = random.Next(1, 60);
        await foreach (SseItem<string> item in events.EnumerateAsync())
        {
            Assert.True(item.EventType is "changes" or "bookmark", $"{item.EventType}: {item.Data}");
            using JsonDocument document = JsonDocument.Parse(item.Data);
            Feed.Take(document.RootElement);
            Assert.Equal(Feed.Position.ToString(CultureInfo.InvariantCulture), events.LastEventId);
            Assert.Equal(item.EventType == "bookmark", document.RootElement.GetProperty("changes").GetArrayLength() == 0);
            if (--left == 0 || !continues()) return;
        }
    }
}
