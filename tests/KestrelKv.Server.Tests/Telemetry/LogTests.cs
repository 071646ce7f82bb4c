using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

public sealed partial class LogTests
{
    [Fact]
    public async Task Log_ByDefault_HasOneReadableLinePerEvent()
    {
        string[] lines = await LogOfARefusalAsync([]);

        Assert.All(lines, line => Assert.Matches(TextLine(), line));
        Assert.Contains(lines, line => line.Contains(" INF KestrelKv ", StringComparison.Ordinal));
        Assert.Contains(
            lines,
            line => line.Contains(" WRN ", StringComparison.Ordinal) && line.Contains("too_many_connections", StringComparison.Ordinal));
        Assert.EndsWith(" INF Stopped", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_WithFormatJson_HasOneObjectPerLine()
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
        const int Rounds = 6;
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        await other.CallAsync(Frames.Put("large", $"\"{new string('x', 1_000_000)}\""));

        byte[] get = Frames.Of(Frames.Get("k"));
        byte[][] wire =
        [
            [], // Nothing.
            get[..5], // Part of a header.
            get[..20], // Part of a body.
            Frames.Header(1, 1_000_000), // A header without its long body.
            get,
            [.. get, .. get[..20]], // A request and part of the next.
            [.. Enumerable.Repeat(Frames.Of(Frames.Get("large")), 100).SelectMany(x => x)], // Requests with long replies.
            Frames.Header(2, 0), // A frame of an unsupported version.
        ];
        byte[][] http = [.. ((string[])
        [
            "", "GET /v1",
            "GET /v1/key?key=large HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /v1/keys?values=true HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]).Select(Encoding.ASCII.GetBytes)];
        for (int round = 0; round < Rounds; round++)
        {
            foreach (byte[] bytes in wire) await HangUpAsync(server.WirePort, bytes, round);
            foreach (byte[] bytes in http) await HangUpAsync(server.Admin.Port, bytes, round);
            await DefaultServer.AssertServesAsync(other);
        }
        other.Dispose();
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        Assert.Equal(0, await server.StopAsync());

        server.AssertNoComplaint();
        Assert.Contains("INF Stopped", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_OfPutsWithIncompleteBodies_HasNoWarning()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        byte[] put = Encoding.ASCII.GetBytes("PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
        for (int i = 0; i < 60; i++) await HangUpAsync(server.Admin.Port, put, i % 6);
        Assert.Equal(0, await server.StopAsync());

        server.AssertNoComplaint();
    }

    /// <summary>
    /// Sends some bytes and hangs up, by a close and by a reset in turn, at once or after a delay in which the server may be processing
    /// them.
    /// </summary>
    private static async Task HangUpAsync(int port, byte[] bytes, int round)
    {
        using WireClient client = await WireClient.ConnectAsync(port);
        await client.SendAsync(bytes);
        await Task.Delay(round / 2 * 15);
        if (round % 2 == 1) client.Reset();
    }

    /// <summary>Returns the log of a server from start to stop, with a warning in between.</summary>
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
