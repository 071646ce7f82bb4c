using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire.Tests;

/// <summary>The metrics, while connections are open and after they have closed.</summary>
public sealed class MetricsTests
{
    private static readonly string[] Requests =
        [Frames.Put("a", "1"), Frames.Put("b", "2"), Frames.Get("a"), Frames.Get("none"), Frames.Get("b"), "{\"func\": \"F\"}", "bad", "worse", "[]"];

    [Fact]
    public async Task Requests_OfOpenAndClosedConnections_AreAllCounted()
    {
        using var wire = new TestWire();
        for (int round = 1; round <= 3; round++)
        {
            TestClient client = wire.Connect();
            client.Send(Requests);
            AssertCounts(wire, round);
            client.EndSending();
            await client.ServedAsync();
            AssertCounts(wire, round);
        }
    }

    [Fact]
    public async Task Bytes_ReceivedAndSent_EqualThoseOfFrames()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        byte[] stream = Frames.Stream(Requests);
        client.Send([.. stream, 1, 0, 0]);
        long sent = client.Receive().Length;
        Assert.Equal(stream.Length, wire.Metrics["kestrelkv.wire.received"]);
        Assert.Equal(sent, wire.Metrics["kestrelkv.wire.sent"]);

        client.EndSending();
        sent += (await client.ReceiveToEndAsync()).Length;
        Assert.Equal(stream.Length, wire.Metrics["kestrelkv.wire.received"]);
        Assert.Equal(sent, wire.Metrics["kestrelkv.wire.sent"]);
    }

    [Fact]
    public void Duration_OneBatch_IsRecordedOnce()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Send(Requests);
        Assert.Single(wire.Metrics.Durations);
        client.Send([1]);
        Assert.Single(wire.Metrics.Durations);
    }

    [Fact]
    public async Task Duration_StoreWaits_IncludesWait()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        wire.Advance(TimeSpan.FromSeconds(3));
        store.Sync();
        client.EndSending();
        await client.ServedAsync();
        Assert.Equal([3.0], wire.Metrics.Durations);
    }

    [Fact]
    public async Task Connections_OpenedAndEnded_AreCountedByReason()
    {
        using var wire = new TestWire();
        TestClient[] clients = [.. Enumerable.Range(0, 5).Select(_ => wire.Connect())];
        Assert.Equal(5, wire.Metrics["kestrelkv.wire.connections"]);
        clients[0].EndSending();
        clients[1].EndSending(new ConnectionResetException("reset"));
        clients[2].Send(Frames.Header(1, -1));
        clients[2].EndSending();
        await Task.WhenAll(clients[..3].Select(client => client.ServedAsync()));

        Assert.Equal(2, wire.Metrics["kestrelkv.wire.connections"]);
        Assert.Equal(5, wire.Metrics["kestrelkv.wire.connections.accepted"]);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=client}"]);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=reset}"]);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=frame_error}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.connections.closed{reason=stopping}"]);
    }

    [Fact]
    public async Task Refusals_AreCountedAsErrorsAndBytes()
    {
        using var wire = new TestWire(options => options.ConnectionsMax = 1);
        wire.Connect();
        TestClient refused = wire.Connect();
        refused.EndSending();
        byte[] reply = await refused.ReceiveToEndAsync();
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=invalid,outcome=too_many_connections}"]);
        Assert.Equal(reply.Length, wire.Metrics["kestrelkv.wire.sent"]);
    }

    private static void AssertCounts(TestWire wire, int rounds)
    {
        Assert.Equal(3 * rounds, wire.Metrics["kestrelkv.wire.requests{function=GET,outcome=ok}"]);
        Assert.Equal(2 * rounds, wire.Metrics["kestrelkv.wire.requests{function=PUT,outcome=ok}"]);
        Assert.Equal(rounds, wire.Metrics["kestrelkv.wire.requests{function=unknown,outcome=ok}"]);
        Assert.Equal(2 * rounds, wire.Metrics["kestrelkv.wire.requests{function=invalid,outcome=invalid_json}"]);
        Assert.Equal(rounds, wire.Metrics["kestrelkv.wire.requests{function=invalid,outcome=not_an_object}"]);
    }
}
