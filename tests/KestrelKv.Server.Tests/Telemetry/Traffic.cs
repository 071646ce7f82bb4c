using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>Traffic of every kind with known effects on the metrics.</summary>
internal sealed class Traffic
{
    /// <summary>Settings of a server that refuses the third connection, and has a memory limit for the dashboard.</summary>
    public static readonly string[] Settings = ["Wire:ConnectionsMax=2", "Store:MemoryBytesMax=100000000"];

    public const int Gets = 5, Puts = 3, Unknowns = 2, InvalidJsons = 2, MissingParameters = 1;

    /// <summary>The number of connections that end between frames, inside a frame, and with a reset.</summary>
    public const int EndedByClient = 3, EndedByFrameError = 3, EndedByReset = 1;

    public const int Accepted = EndedByClient + EndedByFrameError + EndedByReset;

    public const int Refused = 1;

    /// <summary>The bytes of the frames of good and bad requests.</summary>
    public long BytesSent { get; private set; }

    public long BytesReceived { get; private set; }

    /// <summary>Sends all traffic to a server without other clients.</summary>
    public static async Task RunAsync(ServerProcess server)
    {
        await new Traffic().CallAsync(server.WirePort);
        await SendBrokenFramesAsync(server);
        await ExceedConnectionLimitAsync(server);

        // Takes a snapshot for metrics and panels.
        using var http = new HttpClient { BaseAddress = server.Admin };
        using HttpResponseMessage snapshot = await http.PostAsync(new Uri("v1/admin/snapshot", UriKind.Relative), null);
        Assert.Equal(200, (int)snapshot.StatusCode);
    }

    /// <summary>Sends good and bad requests on one connection.</summary>
    public async Task CallAsync(int port)
    {
        using WireClient client = await WireClient.ConnectAsync(port);
        for (int i = 0; i < Puts; i++) await CallAsync(client, Frames.Put($"secret-key-{i}", "{\"n\": 1.0}"));
        for (int i = 0; i < Gets; i++) await CallAsync(client, Frames.Get($"secret-key-{i}"));
        for (int i = 0; i < Unknowns; i++) await CallAsync(client, """{"func": "secret-function", "params": {}}""");
        for (int i = 0; i < InvalidJsons; i++) await CallAsync(client, "{\"secret-json");
        for (int i = 0; i < MissingParameters; i++) await CallAsync(client, """{"func": "GET", "params": {}}""");
    }

    private async Task CallAsync(WireClient client, string body)
    {
        string reply = await client.CallAsync(body);
        BytesSent += Frames.Of(body).Length;
        BytesReceived += Frames.Of(reply).Length;
    }

    private static async Task SendBrokenFramesAsync(ServerProcess server)
    {
        foreach (byte[] bytes in (byte[][])[Frames.Header(1, -1), Frames.Header(7, 2), Frames.Header(1, 10)])
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            await client.SendAsync(bytes);
            client.EndSending();
            Assert.Contains("ERROR", Encoding.UTF8.GetString(await client.ReceiveToEndAsync()), StringComparison.Ordinal);
        }

        // The server may notice the earlier disconnections late. It counts a reset only of a connection that it has admitted.
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        WireClient resetting = await WireClient.ConnectAsync(server.WirePort);
        await resetting.SendAsync(Frames.Header(1, 10));
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 1);
        resetting.Reset();
    }

    private static async Task ExceedConnectionLimitAsync(ServerProcess server)
    {
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        using WireClient first = await WireClient.ConnectAsync(server.WirePort);
        using WireClient second = await WireClient.ConnectAsync(server.WirePort);
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 2);

        using WireClient third = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("too_many_connections", await third.ReceiveAsync(), StringComparison.Ordinal);
    }
}
