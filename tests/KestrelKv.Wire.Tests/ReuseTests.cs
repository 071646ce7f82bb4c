using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire.Tests;

/// <summary>No state of one client is visible to the next, which uses the same objects.</summary>
[SupportedOSPlatform("linux")]
public sealed class ReuseTests
{
    private const int LargeBytes = 8 * 1024 * 1024;
    private const int Ordinary = 5;

    private static readonly string Large = $"\"{new string('x', LargeBytes)}\"";

    public enum Abuse
    {
        Nothing,
        Garbage,
        Http,
        HalfFrame,
        FrameTooLong,
        ResetInTheMiddle,
        BadRequests,
        Watch,
        WatchAndReset,
        WatchClosed,
        NeverReads,
        ReadsHalf,
        LargeHalf,
        ResetAtOnce,
    }

    public static TheoryData<Abuse> Abuses() => [.. Enum.GetValues<Abuse>()];

    [Theory]
    [MemberData(nameof(Abuses))]
    public async Task Serve_NormalClientsAfterMisbehavingClient_AreServedAndCountedCorrectly(Abuse abuse)
    {
        using var wire = new SocketWire(new ManagedStore(TimeProvider.System));
        await using IConnectionListener listener = await wire.ListenAsync();
        using (Socket writer = await ConnectAsync()) await CallAsync(writer, Frames.Put("large", Large), Frames.PutReply("large"));
        await ServeOrdinaryAsync();
        for (int round = 0; round < 3; round++)
        {
            using (Socket client = await ConnectAsync()) await AbuseAsync(wire, client, abuse);

            // Immediately, while the server may not have detected the end of the misbehaving client.
            await ServeOrdinaryAsync();
            await WaitForNoConnectionAsync();
            Dictionary<string, long> before = Counts();
            (long received, long sent) = (0, 0);
            for (int i = 0; i < Ordinary; i++)
            {
                (long ofReceived, long ofSent) = await ServeOrdinaryAsync();
                (received, sent) = (received + ofReceived, sent + ofSent);
            }
            await WaitForNoConnectionAsync();
            Dictionary<string, long> after = Counts();
            Dictionary<string, long> expected = new()
            {
                ["kestrelkv.wire.connections"] = 0,
                ["kestrelkv.wire.connections.accepted"] = Ordinary,
                ["kestrelkv.wire.connections.closed{reason=client}"] = Ordinary,
                ["kestrelkv.wire.connections.closed{reason=reset}"] = 0,
                ["kestrelkv.wire.connections.closed{reason=frame_error}"] = 0,
                ["kestrelkv.wire.connections.closed{reason=internal_error}"] = 0,
                ["kestrelkv.wire.received"] = received,
                ["kestrelkv.wire.sent"] = sent,
                ["kestrelkv.wire.requests{function=GET,outcome=ok}"] = Ordinary,
                ["kestrelkv.wire.requests{function=PUT,outcome=ok}"] = Ordinary,
                ["kestrelkv.wire.requests{function=DELETE,outcome=ok}"] = Ordinary,
                ["kestrelkv.wire.requests{function=WATCH,outcome=ok}"] = 0,
                ["kestrelkv.wire.requests{function=invalid,outcome=invalid_json}"] = Ordinary,
                ["kestrelkv.wire.requests{function=invalid,outcome=truncated_frame}"] = 0,
            };
            Assert.Equal(expected, expected.Keys.ToDictionary(name => name, name => after[name] - before[name]));

            Dictionary<string, long> Counts() => Names.ToDictionary(name => name, name => wire.Metrics[name]);
        }
        Assert.Empty(wire.Faults);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.connections.closed{reason=internal_error}"]);

        Task<Socket> ConnectAsync() => SocketWire.ConnectAsync(listener.EndPoint);

        Task WaitForNoConnectionAsync() => Wait.UntilAsync(() => wire.Connections.Count == 0, () => "connections stay open");

        // Serves one client with a call of each kind. Returns the numbers of bytes that it sent and received.
        async Task<(long Sent, long Received)> ServeOrdinaryAsync()
        {
            using Socket client = await ConnectAsync();
            string key = "watched/key";
            (string Request, string? Reply)[] calls =
            [
                (Frames.Put(key, "1.50"), Frames.PutReply(key)),
                (Frames.Get(key), Frames.GetReply(key, "1.50")),
                ("{\"not json", null),
                ($"{{\"func\": \"DELETE\", \"params\": {{\"obj\": \"{key}\"}}}}", null),
            ];
            (long sent, long received) = (0, 0);
            foreach ((string request, string? reply) in calls)
            {
                string got = await CallAsync(client, request, reply);
                if (reply is null)
                    Assert.Contains(
                        request.Contains("DELETE", StringComparison.Ordinal) ? "\"DELETE\"" : "invalid_json", got,
                        StringComparison.Ordinal);
                (sent, received) = (sent + Frames.Of(request).Length, received + Frames.Of(got).Length);
            }
            client.Shutdown(SocketShutdown.Send);
            Assert.Null(await SocketWire.ReceiveFrameAsync(client));
            return (sent, received);
        }
    }

    private static string[] Names =>
    [
        "kestrelkv.wire.connections",
        "kestrelkv.wire.connections.accepted",
        "kestrelkv.wire.connections.closed{reason=client}",
        "kestrelkv.wire.connections.closed{reason=reset}",
        "kestrelkv.wire.connections.closed{reason=frame_error}",
        "kestrelkv.wire.connections.closed{reason=internal_error}",
        "kestrelkv.wire.received",
        "kestrelkv.wire.sent",
        "kestrelkv.wire.requests{function=GET,outcome=ok}",
        "kestrelkv.wire.requests{function=PUT,outcome=ok}",
        "kestrelkv.wire.requests{function=DELETE,outcome=ok}",
        "kestrelkv.wire.requests{function=WATCH,outcome=ok}",
        "kestrelkv.wire.requests{function=invalid,outcome=invalid_json}",
        "kestrelkv.wire.requests{function=invalid,outcome=truncated_frame}",
    ];

    private static async Task AbuseAsync(SocketWire wire, Socket client, Abuse abuse)
    {
        const string Watch = """{"func": "WATCH", "params": {"prefix": "watched/"}}""";
        long sent = wire.Metrics["kestrelkv.wire.sent"];
        switch (abuse)
        {
            case Abuse.Garbage:
                await client.SendAsync(new byte[] { 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0, 0xff });
                Assert.Contains("unsupported_version", await SocketWire.ReceiveFrameAsync(client), StringComparison.Ordinal);
                break;
            case Abuse.Http:
                await client.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
                Assert.NotEqual(0, await client.ReceiveAsync(new byte[10]));
                break;
            case Abuse.HalfFrame:
                await client.SendAsync(Frames.Of(Frames.Get("a"))[..^5]);
                client.Shutdown(SocketShutdown.Send);
                Assert.Contains("truncated_frame", await SocketWire.ReceiveFrameAsync(client), StringComparison.Ordinal);
                break;
            case Abuse.FrameTooLong:
                await client.SendAsync(Frames.Header(1, int.MaxValue));
                Assert.Contains("frame_too_long", await SocketWire.ReceiveFrameAsync(client), StringComparison.Ordinal);
                break;
            case Abuse.ResetInTheMiddle:
                await CallAsync(client, Frames.Get("a"), Frames.GetReply("a", "null"));
                await client.SendAsync(Frames.Of(Frames.Get("a"))[..^5]);
                SocketWire.Reset(client);
                break;
            case Abuse.ResetAtOnce:
                SocketWire.Reset(client);
                break;
            case Abuse.BadRequests:
                await CallAsync(client, """{"func": "NOSUCH", "params": {}}""", Frames.UnknownReply("NOSUCH"));
                await CallAsync(client, """{"func": "GET", "params": {}}""", null);
                await CallAsync(client, "[", null);
                break;
            case Abuse.Watch or Abuse.WatchAndReset or Abuse.WatchClosed:
                Assert.Contains("\"watch\": 1", await CallAsync(client, Watch, null), StringComparison.Ordinal);
                if (abuse == Abuse.WatchClosed) await CallAsync(client, """{"func": "UNWATCH", "params": {"watch": 1}}""", null);
                if (abuse == Abuse.WatchAndReset) SocketWire.Reset(client);
                break;
            case Abuse.NeverReads or Abuse.ReadsHalf:
                await client.SendAsync(Frames.Stream(Enumerable.Repeat(Frames.Get("large"), 3)));
                await Wait.UntilAsync(() => wire.Metrics["kestrelkv.wire.sent"] > sent, () => "the server sends nothing");
                await Wait.UntilAsync(() => client.Available > 0, () => "nothing arrives");
                if (abuse == Abuse.ReadsHalf) await client.ReceiveAsync(new byte[LargeBytes / 2]);
                SocketWire.Reset(client);
                break;
            case Abuse.LargeHalf:
                byte[] frame = Frames.Of(Frames.Put("large", Large));
                await SocketWire.SendAsync(client, frame.AsMemory(0, frame.Length / 2));
                SocketWire.Reset(client);
                break;
        }
    }

    private static async Task<string> CallAsync(Socket client, string request, string? reply)
    {
        await SocketWire.SendAsync(client, Frames.Of(request));
        string? got = await SocketWire.ReceiveFrameAsync(client);
        if (reply is not null) Assert.Equal(reply, got);
        return got!;
    }
}
