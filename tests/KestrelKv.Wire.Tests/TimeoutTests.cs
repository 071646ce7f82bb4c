using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Clients that send nothing, and clients that do not read.</summary>
public sealed class TimeoutTests
{
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(20);

    /// <summary>The period of the checks of timeouts.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task IdleTimeout_SilentClient_GetsErrorAndIsClosed()
    {
        using var wire = new TestWire(options => options.IdleTimeout = IdleTimeout);
        TestClient client = wire.Connect();
        wire.Advance(IdleTimeout - Tick);
        Assert.Equal(0, client.UnreadBytes());
        wire.Advance(Tick);
        Assert.Equal(["idle_timeout"], client.Replies().Select(Frames.ErrorCode));
        client.EndSending();
        await client.ServedAsync();
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=idle_timeout}"]);
    }

    [Fact]
    public async Task IdleTimeout_ClientDoesNotClose_ServerClosesAfterLinger()
    {
        using var wire = new TestWire(options => options.IdleTimeout = IdleTimeout);
        TestClient client = wire.Connect();
        wire.Advance(IdleTimeout);
        Assert.False(client.IsServed);
        wire.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["idle_timeout"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }

    [Fact]
    public void IdleTimeout_AnyByte_RestartsIt()
    {
        using var wire = new TestWire(options => options.IdleTimeout = IdleTimeout);
        TestClient client = wire.Connect();
        foreach (byte b in Frames.Of(Frames.Get("a")))
        {
            Assert.Equal(0, client.UnreadBytes());
            wire.Advance(IdleTimeout - Tick);
            client.Send([b]);
        }
        Assert.Equal([Frames.GetReply("a", "null")], client.Replies());
        wire.Advance(IdleTimeout - Tick);
        Assert.Equal(Frames.GetReply("a", "null"), client.Call(Frames.Get("a")));
    }

    [Fact]
    public void IdleTimeout_Zero_NeverExpires()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        wire.Advance(TimeSpan.FromHours(10));
        Assert.Equal(Frames.GetReply("a", "null"), client.Call(Frames.Get("a")));
    }

    [Fact]
    public async Task IdleTimeout_SlowStore_CountsFromReply()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(options => options.IdleTimeout = IdleTimeout, store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        wire.Advance(3 * IdleTimeout);
        store.Sync();
        Assert.Equal([Frames.PutReply("a")], await client.RepliesAsync(1));

        wire.Advance(IdleTimeout - Tick);
        Assert.True(client.HearsNothing());
    }

    [Fact]
    public async Task IdleTimeout_ClientWithUnreadReplies_IsNotIdle()
    {
        using var wire = new TestWire(options => (options.IdleTimeout, options.WriteTimeout) = (IdleTimeout, WriteTimeout));
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Frames.Get("a"));
        wire.Advance(WriteTimeout - Tick);
        Assert.Equal([Frames.GetReply("a", "null")], client.Replies());
        wire.Advance(IdleTimeout - Tick);
        Assert.Equal(Frames.GetReply("a", "null"), await client.CallAsync(Frames.Get("a")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WriteTimeout_ClientDoesNotRead_IsAborted(bool flushThrows)
    {
        using var wire = new TestWire(options => options.WriteTimeout = WriteTimeout);
        TestClient client = wire.Connect(unreadBytesMax: 1, connection =>
            connection.FlushFailure = flushThrows ? new Microsoft.AspNetCore.Connections.ConnectionAbortedException() : null);
        client.Send(Frames.Get("a"));
        wire.Advance(WriteTimeout - Tick);
        Assert.Null(client.Connection.Aborted);

        // The few bytes of the reply allow for a fraction of a tick.
        wire.Advance(2 * Tick);
        Assert.NotNull(client.Connection.Aborted);
        await client.ServedAsync();
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=write_timeout}"]);
        Assert.Contains("did not read its replies for 00:00:20", Assert.Single(wire.Log.Warnings).Text, StringComparison.Ordinal);
        Assert.Equal(0, wire.Connections.Count);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(200)]
    public async Task WriteTimeout_LargeUnreadReply_IsAbortedAsSoonAsSmallOne(int pieces)
    {
        using var wire = new TestWire(options => options.WriteTimeout = WriteTimeout);
        TestClient client = await ConnectWithALargeReplyAsync(wire, pieces);
        wire.Advance(WriteTimeout - Tick);
        Assert.Null(client.Connection.Aborted);
        wire.Advance(2 * Tick);
        Assert.NotNull(client.Connection.Aborted);
        await client.ServedAsync();
        Assert.Equal(0, wire.Connections.Replies.Taken);
    }

    [Fact]
    public async Task WriteTimeout_LargeReplyReadInPieces_AppliesToEachPiece()
    {
        using var wire = new TestWire(options => options.WriteTimeout = WriteTimeout);
        TestClient client = await ConnectWithALargeReplyAsync(wire, pieces: 10);
        long taken = wire.Connections.Replies.Taken;
        int received = 0;
        while (client.Receive() is { Length: > 0 } bytes)
        {
            received += bytes.Length;
            Assert.True(wire.Connections.Replies.Taken < taken);
            taken = wire.Connections.Replies.Taken;
            wire.Advance(WriteTimeout - Tick);
        }
        Assert.True(received > 10 * 65_536);
        Assert.Null(client.Connection.Aborted);
        Assert.Equal(0, taken);
    }

    private static async Task<TestClient> ConnectWithALargeReplyAsync(TestWire wire, int pieces)
    {
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Frames.Put("a", $"\"{new string('v', pieces * 65_536)}\""));
        Assert.Equal([Frames.PutReply("a")], await client.RepliesAsync(1));
        client.Send(Frames.Get("a"));
        await Wait.UntilAsync(() => client.UnreadBytes() > 0, () => "the server sends nothing");
        return client;
    }

    [Fact]
    public async Task WriteTimeout_ClientReadsInTime_IsServed()
    {
        using var wire = new TestWire(options => options.WriteTimeout = WriteTimeout);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        for (int i = 0; i < 5; i++)
        {
            client.Send(Frames.Get("a"));
            wire.Advance(WriteTimeout - Tick);
            Assert.Equal([Frames.GetReply("a", "null")], await client.RepliesAsync(1));
        }
    }
}
