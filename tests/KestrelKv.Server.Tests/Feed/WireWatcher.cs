using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using KestrelKv.Server.Tests.Histories;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>Watches over the wire. It resumes by version, on a new connection or with a new watch on the same one.</summary>
internal sealed class WireWatcher(Lives lives, string prefix, Random random) : IFeedWatcher
{
    private long _number;

    /// <inheritdoc/>
    public CollectedFeed Feed { get; } = new(prefix);

    /// <inheritdoc/>
    public int Watches { get; private set; }

    /// <inheritdoc/>
    public async Task RunAsync(Func<bool> continues)
    {
        while (continues())
        {
            try
            {
                using WireClient wire = await WireClient.ConnectAsync(lives.Now.WirePort);
                _number = 0;
                while (await WatchAsync(wire, continues))
                {
                }
                if (random.Next(2) == 0) wire.Reset();
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // The server was killed.
            }
            await Task.Delay(random.Next(50));
        }
    }

    /// <summary>Watches for a random number of replies.</summary>
    /// <returns>Whether the connection can be used for another watch.</returns>
    private async Task<bool> WatchAsync(WireClient wire, Func<bool> continues)
    {
        Watches++;
        _number++;
        await wire.SendAsync(Frames.Of(string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"func\": \"WATCH\", \"params\": {{\"prefix\": \"{prefix}\", \"from_version\": {Feed.Position + 1}, \"values\": true, \"bookmark_interval\": 0.1}}}}")));
        for (int replies = random.Next(1, 60); replies > 0 && continues(); replies--)
            if (!await ReceiveAsync(wire)) return false;
        if (random.Next(3) > 0 || !continues()) return false;

        await wire.SendAsync(
            Frames.Of(string.Create(CultureInfo.InvariantCulture, $"{{\"func\": \"UNWATCH\", \"params\": {{\"watch\": {_number}}}}}")));
        long ended = _number;
        while (_number == ended)
            if (!await ReceiveAsync(wire)) return false;
        _number = ended;
        return true;
    }

    /// <summary>Receives a reply. Returns false if the connection was closed.</summary>
    private async Task<bool> ReceiveAsync(WireClient wire)
    {
        if (await wire.ReceiveAsync() is not { } body) return false;
        using JsonDocument document = JsonDocument.Parse(body);
        Assert.True(document.RootElement.TryGetProperty("response", out JsonElement reply), body);
        JsonElement response = reply.GetProperty("response");
        Assert.Equal(_number, response.GetProperty("watch").GetInt64());
        if (reply.GetProperty("func").GetString() == "WATCH") Feed.Take(response);
        else _number = 0;
        return true;
    }
}
