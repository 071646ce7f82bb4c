using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The server holds a limited amount of replies for a client that does not read.</summary>
public sealed class BackpressureTests
{
    private const int ReplyBytesMax = 64 * 1024;

    [Theory]
    [InlineData(1_000, 500)]
    [InlineData(30_000, 100)]
    [InlineData(200_000, 30)]
    public void Serve_PipelinedGetsOfLargeValue_HoldsAtMostLimitAndOneReply(int valueBytes, int count)
    {
        using var wire = new TestWire(options => options.ReplyBytesMax = ReplyBytesMax);
        string value = $"\"{new string('v', valueBytes)}\"";
        wire.Connect().Call(Frames.Put("a", value));
        string reply = Frames.GetReply("a", value);
        int replyBytes = Frames.Of(reply).Length;

        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send([.. Enumerable.Repeat(Frames.Get("a"), count)]);
        using var received = new MemoryStream();
        while (received.Length < count * (long)replyBytes)
        {
            long held = wire.Connections.Replies.Taken;
            Assert.InRange(held, 1, ReplyBytesMax + replyBytes + (2 * TextBuffer.PieceBytes));
            Assert.InRange(client.UnreadBytes(), 1, ReplyBytesMax + replyBytes - 1);
            Assert.Equal(held, wire.Connections.Replies.Taken);
            received.Write(client.Receive());
        }
        List<string> replies = Frames.Bodies(received.ToArray());
        Assert.Equal(count, replies.Count);
        Assert.All(replies, text => Assert.Equal(reply, text));
        Assert.Equal(0, client.UnreadBytes());
        Assert.Equal(0, wire.Connections.Replies.Taken);
    }

    [Fact]
    public void Serve_ClientDoesNotRead_ExecutesNoFurtherRequests()
    {
        using var wire = new TestWire(options => options.ReplyBytesMax = 4_096);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send([.. Enumerable.Range(0, 1_000).Select(i => Frames.Put("a", $"{i}"))]);
        int replyBytes = Frames.Of(Frames.PutReply("a")).Length;
        Assert.Equal((4_096 + replyBytes - 1) / replyBytes, wire.Store.GetStats().Version);

        int received = 0;
        while (client.UnreadBytes() > 0) received += client.Replies().Count;
        Assert.Equal(1_000, received);
        Assert.Equal(1_000, wire.Store.GetStats().Version);
    }

    [Fact]
    public void Serve_ClientDoesNotRead_DoesNotDelayOthers()
    {
        using var wire = new TestWire(options => options.ReplyBytesMax = 4_096);
        TestClient stuck = wire.Connect(unreadBytesMax: 1);
        stuck.Send([.. Enumerable.Repeat(Frames.Get("a"), 1_000)]);
        Assert.Equal(Frames.PutReply("a"), wire.Connect().Call(Frames.Put("a", "1")));
        Assert.True(stuck.UnreadBytes() > 0);
    }
}
