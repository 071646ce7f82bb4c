using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>An event of a stream. The lines of its data are joined as in browsers.</summary>
internal sealed record ServerEvent(long? Id, string Name, string Data)
{
    public JsonElement Json => JsonDocument.Parse(Data).RootElement;

    /// <summary>The changes as <c>kind obj</c>.</summary>
    public IEnumerable<string> Changes =>
        Json.GetProperty("changes").EnumerateArray().Select(change => $"{change.GetProperty("kind")} {change.GetProperty("obj")}");
}

/// <summary>Reads server-sent events by WHATWG HTML, section 9.2.6, as far as the server uses it.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private StreamReader _lines = null!;

    public HttpResponseMessage Response { get; private set; } = null!;

    /// <summary>The reconnection delay that the server requested; null if none.</summary>
    public TimeSpan? Retry { get; private set; }

    public static Task<EventReader> OpenAsync(ServerProcess server, string query = "", long? lastEventId = null) =>
        OpenAsync(new Uri(server.Admin, "v1/watch" + query), lastEventId);

    public static async Task<EventReader> OpenAsync(Uri address, long? lastEventId = null, string? authorization = null)
    {
        var reader = new EventReader();
        using var patience = new CancellationTokenSource(Wait.Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is { } id) request.Headers.Add("Last-Event-ID", id.ToString(CultureInfo.InvariantCulture));
        if (authorization is not null) request.Headers.Add("Authorization", authorization);
        reader.Response = await reader._http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        reader._lines = new StreamReader(await reader.Response.Content.ReadAsStreamAsync(patience.Token), Encoding.UTF8);
        return reader;
    }

    /// <summary>Returns the next event; null at the end of the stream.</summary>
    public async Task<ServerEvent?> NextAsync()
    {
        using var patience = new CancellationTokenSource(Wait.Patience);
        long? id = null;
        string name = "message";
        List<string> data = [];
        while (await _lines.ReadLineAsync(patience.Token) is { } line)
        {
            if (line == "") return new(id, name, string.Join('\n', data));
            string[] field = line.Split(": ", 2);
            switch (field[0])
            {
                case "id":
                    id = long.Parse(field[1], CultureInfo.InvariantCulture);
                    break;
                case "event":
                    name = field[1];
                    break;
                case "retry":
                    Retry = TimeSpan.FromMilliseconds(int.Parse(field[1], CultureInfo.InvariantCulture));
                    break;
                default:
                    Assert.Equal("data", field[0]);
                    data.Add(field[1]);
                    break;
            }
        }
        Assert.Empty(data);
        return null;
    }

    /// <summary>Returns the next event, which must have the given name.</summary>
    public async Task<ServerEvent> NextAsync(string name)
    {
        ServerEvent next = await NextAsync() ?? throw new EndOfStreamException("The stream ended.");
        Assert.True(next.Name == name, $"{name} expected: {next}");
        return next;
    }

    /// <summary>Returns the code of the next event, which must be an error and the last event.</summary>
    public async Task<string?> NextErrorAsync()
    {
        ServerEvent? end = await NextAsync();
        Assert.Equal("error", end?.Name);
        Assert.Null(await NextAsync());
        return end!.Json.GetProperty("code").GetString();
    }

    public void Dispose()
    {
        _lines.Dispose();
        Response.Dispose();
        _http.Dispose();
    }
}
