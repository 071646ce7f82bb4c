using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>An event of a stream.</summary>
/// <param name="Id">Its id; null where it has none.</param>
/// <param name="Name">What it is.</param>
/// <param name="Data">Its data, the lines of which are joined as browsers join them.</param>
internal sealed record ServerEvent(long? Id, string Name, string Data)
{
    /// <summary>The data as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(Data).RootElement;

    /// <summary>The changes, as <c>kind obj</c>.</summary>
    public IEnumerable<string> Changes => Json.GetProperty("changes").EnumerateArray().Select(change => $"{change.GetProperty("kind")} {change.GetProperty("obj")}");
}

/// <summary>Reads server-sent events by the rules of WHATWG HTML, section 9.2.6, as far as the server makes use of them.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private StreamReader _lines = null!;

    public HttpResponseMessage Response { get; private set; } = null!;

    /// <summary>After how long the server has a browser connect again; null where it did not say.</summary>
    public TimeSpan? Retry { get; private set; }

    /// <summary>Opens a stream of events.</summary>
    public static Task<EventReader> OpenAsync(ServerProcess server, string query = "", long? lastEventId = null) =>
        OpenAsync(new Uri(server.Admin, "v1/watch" + query), lastEventId);

    /// <summary>Opens a stream of events at an address of its own.</summary>
    public static async Task<EventReader> OpenAsync(Uri address, long? lastEventId = null)
    {
        var reader = new EventReader();
        using var patience = new CancellationTokenSource(Wait.Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is { } id) request.Headers.Add("Last-Event-ID", id.ToString(CultureInfo.InvariantCulture));
        reader.Response = await reader._http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        reader._lines = new StreamReader(await reader.Response.Content.ReadAsStreamAsync(patience.Token), Encoding.UTF8);
        return reader;
    }

    /// <summary>The next event; null at the end of the stream.</summary>
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

    /// <summary>The next event, which must be of this name.</summary>
    public async Task<ServerEvent> NextAsync(string name)
    {
        ServerEvent next = await NextAsync() ?? throw new EndOfStreamException("The stream has ended.");
        Assert.True(next.Name == name, $"{name} expected: {next}");
        return next;
    }

    public void Dispose()
    {
        _lines.Dispose();
        Response.Dispose();
        _http.Dispose();
    }
}
