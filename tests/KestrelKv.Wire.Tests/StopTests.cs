using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Wire.Tests;

/// <summary>At a stop of the server, received requests are answered, then the connection ends.</summary>
public sealed class StopTests
{
    /// <summary>How long the server waits for bytes that may still be on their way.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Stop_SilentClient_EndsAfterQuietTime()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Call(Frames.Put("a", "1"));
        client.Connection.RequestClose();
        wire.Advance(QuietTime - TimeSpan.FromMilliseconds(1));
        Assert.False(client.IsServed);
        wire.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Empty(await client.ReceiveToEndAsync());
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=stopping}"]);
    }

    [Fact]
    public async Task Stop_BeforeFirstRead_ServesArrivedRequests()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect(configure: connection => connection.RequestClose());
        client.Send(Frames.Put("a", "1"));
        wire.Advance(QuietTime);
        wire.Advance(QuietTime);
        Assert.Equal([Frames.PutReply("a")], await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Stop_RequestsBeingExecuted_AreAnswered()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        client.Send(Frames.Get("a"));
        client.Connection.RequestClose();
        wire.Advance(QuietTime);
        Assert.False(client.IsServed);

        store.IsSlow = false;
        store.Sync();
        Assert.Equal([Frames.PutReply("a"), Frames.GetReply("a", "1")], await client.RepliesAsync(2));
        await wire.AdvanceUntilServedAsync(client, QuietTime);
    }

    [Fact]
    public async Task Stop_DuringBatch_WaitsForQuietTimeAfterwards()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        client.Connection.RequestClose();
        store.IsSlow = false;
        store.Sync();
        Assert.Equal([Frames.PutReply("a")], client.Replies());
        Assert.False(client.IsServed);

        wire.Advance(QuietTime / 2);
        Assert.Equal(Frames.GetReply("a", "1"), client.Call(Frames.Get("a")));
        wire.Advance(QuietTime);
        Assert.Empty(await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Stop_RequestsInTransit_AreAnswered()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Connection.RequestClose();
        for (int i = 0; i < 5; i++)
        {
            wire.Advance(QuietTime / 2);
            Assert.Equal(Frames.PutReply("a"), client.Call(Frames.Put("a", $"{i}")));
        }
        wire.Advance(QuietTime);
        Assert.Empty(await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Stop_BytesNotReadByTransport_WaitsForThem()
    {
        using var wire = new TestWire();
        using var socket = await SocketPair.ConnectAsync();
        TestClient client = wire.Connect(configure: connection => connection.Features.Set<IConnectionSocketFeature>(socket));
        socket.Client.Send(new byte[1]);
        await Wait.UntilAsync(() => socket.Socket.Available == 1, () => "the byte does not arrive");

        client.Connection.RequestClose();
        for (int i = 0; i < 5; i++) wire.Advance(QuietTime);
        Assert.False(client.IsServed);
        Assert.Equal(Frames.GetReply("a", "null"), await client.CallAsync(Frames.Get("a")));

        socket.Socket.Receive(new byte[1]);
        await wire.AdvanceUntilServedAsync(client, QuietTime);
    }

    [Fact]
    public async Task Stop_RequestArrivesInPieces_IsAnswered()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Connection.RequestClose();
        foreach (ReadOnlyMemory<byte> piece in Sequences.Chunks(Frames.Of(Frames.Put("a", "1")), 10))
        {
            client.Send(piece.Span);
            wire.Advance(QuietTime / 2);
        }
        Assert.Equal([Frames.PutReply("a")], client.Replies());
        wire.Advance(QuietTime);
        Assert.Empty(await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Stop_ClientSendsContinually_ServesAtMostOneSecond()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Connection.RequestClose();
        int answered = 0;
        for (int i = 0; i < 200 && !client.IsServed; i++)
        {
            client.Send(Frames.Get("a"));
            answered += client.Replies().Count;
            wire.Advance(TimeSpan.FromMilliseconds(20));
        }
        await client.ServedAsync();
        Assert.InRange(answered, 40, 60);
    }

    [Fact]
    public async Task Stop_ClientEndsMeanwhile_EndsAtOnce()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Connection.RequestClose();
        client.Send(Frames.Get("a"));
        client.EndSending();
        Assert.Equal([Frames.GetReply("a", "null")], await client.RepliesToEndAsync());
    }
}
