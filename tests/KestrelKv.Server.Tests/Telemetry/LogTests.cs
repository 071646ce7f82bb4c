using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

public sealed partial class LogTests
{
    [Fact]
    public async Task Log_ByDefault_HasOneReadableLineAnEvent()
    {
        string[] lines = await LogOfARefusalAsync([]);

        Assert.All(lines, line => Assert.Matches(TextLine(), line));
        Assert.Contains(lines, line => line.Contains(" INF KestrelKv ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains(" WRN ", StringComparison.Ordinal) && line.Contains("too_many_connections", StringComparison.Ordinal));
        Assert.EndsWith(" INF Stopped", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_WithFormatJson_HasOneObjectALine()
    {
        string[] lines = await LogOfARefusalAsync(["LogFormat=Json"]);

        var events = lines.Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.All(events, e => Assert.True(e.GetProperty("@t").TryGetDateTimeOffset(out _) && e.GetProperty("@m").GetString() is not ""));
        Assert.Contains(events, e => e.TryGetProperty("@l", out JsonElement level) && level.GetString() == "Warning" &&
            e.GetProperty("Reason").GetString() == "too_many_connections");
        Assert.Equal("Stopped", events[^1].GetProperty("@m").GetString());
    }

    [Fact]
    public async Task Log_OfClientsThatHangUp_HasNoWarning()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        byte[] get = Frames.Of(Frames.Get("k"));
        byte[] http = Encoding.ASCII.GetBytes("PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
        foreach ((int port, byte[] bytes) in ((int, byte[])[])
            [(server.WirePort, []), (server.WirePort, get), (server.WirePort, get[..11]), (server.WirePort, [.. get, .. get[..5]]),
             (server.Admin.Port, []), (server.Admin.Port, http), (server.Admin.Port, http[..20])])
        {
            await HangUpAsync(port, bytes, reset: false);
            await HangUpAsync(port, bytes, reset: true);
        }
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        Assert.Equal(0, await server.StopAsync());

        Assert.DoesNotMatch("(WRN|ERR|FTL)", server.Log);
        Assert.Contains("INF Stopped", server.Log, StringComparison.Ordinal);
    }

    private static async Task HangUpAsync(int port, byte[] bytes, bool reset)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", port);
        await socket.SendAsync(bytes);
        // So that the server is in the middle of it; nothing depends on whether it is.
        await Task.Delay(30);
        if (reset) socket.LingerState = new LingerOption(enable: true, seconds: 0);
    }

    /// <summary>The log of a server from its start to its end, with a warning in between.</summary>
    private static async Task<string[]> LogOfARefusalAsync(string[] settings)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:ConnectionsMax=1", .. settings]);
        using (WireClient first = await WireClient.ConnectAsync(server.WirePort))
        {
            await first.CallAsync(Frames.Get("k"));
            using WireClient second = await WireClient.ConnectAsync(server.WirePort);
            await second.ReceiveToEndAsync();
        }
        Assert.Equal(0, await server.StopAsync());
        return server.Log.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (INF|WRN) \S.*$")]
    private static partial Regex TextLine();
}
