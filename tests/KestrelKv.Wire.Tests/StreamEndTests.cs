using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire.Tests;

/// <summary>Ends of streams: between frames, inside a frame, or with bytes that are not frames.</summary>
public sealed class StreamEndTests
{
    public static TheoryData<byte[], string> BrokenFrames => new()
    {
        { Frames.Header(1, -1), "invalid_length" },
        { Frames.Header(1, int.MinValue), "invalid_length" },
        { Frames.Header(1, 2_001), "frame_too_long" },
        { Frames.Header(1, int.MaxValue), "frame_too_long" },
        { Frames.Header(2, 10), "unsupported_version" },
        { Frames.Header(0x0100_0000, 0x0A00_0000), "unsupported_version" },
        { [.. Frames.Header(0, 0), .. Frames.Of(Frames.Get("a"))], "unsupported_version" },
    };

    [Theory]
    [MemberData(nameof(BrokenFrames))]
    public async Task Serve_InvalidFrame_RepliesErrorLastAndCloses(byte[] broken, string code)
    {
        using var wire = new TestWire(limits: new RequestLimits { FrameBytesMax = 2_000 });
        TestClient client = wire.Connect();
        client.Send([.. Frames.Of(Frames.Put("a", "1")), .. Frames.Of(Frames.Get("a")), .. broken, .. Frames.Of(Frames.Put("a", "2"))]);
        Assert.Equal([Frames.PutReply("a"), Frames.GetReply("a", "1"), code], client.Replies().Select(Frames.ErrorCode));

        client.Send(Frames.Put("a", "3"));
        client.EndSending();
        Assert.Empty(await client.RepliesToEndAsync());
        Assert.Equal(Frames.GetReply("a", "1"), wire.Connect().Call(Frames.Get("a")));
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=frame_error}"]);
    }

    [Fact]
    public async Task Serve_InvalidFrameByteByByte_RepliesOnceHeaderArrived()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        byte[] header = Frames.Header(1, -1);
        foreach (byte b in header.AsSpan(0, 7)) client.Send([b]);
        Assert.Equal(0, client.UnreadBytes());
        client.Send(header.AsSpan(7));
        Assert.Equal(["invalid_length"], client.Replies().Select(Frames.ErrorCode));
        client.EndSending();
        await client.ServedAsync();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost:4444\r\n\r\n")]
    [InlineData("POST /keys HTTP/1.1\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    public async Task Serve_Http_RepliesInHttp(string request)
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Send(Encoding.ASCII.GetBytes(request));
        client.EndSending();
        Assert.Equal(Encoding.ASCII.GetString(HttpText.Response), Encoding.ASCII.GetString(await client.ReceiveToEndAsync()));
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=invalid,outcome=http_request}"]);
    }

    [Fact]
    public async Task Serve_EndInsideFrame_RepliesTruncatedFrame()
    {
        byte[] frame = Frames.Of(Frames.Put("a", "2"));
        for (int length = 1; length < frame.Length; length++)
        {
            using var wire = new TestWire();
            TestClient client = wire.Connect();
            client.Send([.. Frames.Of(Frames.Put("a", "1")), .. frame.AsSpan(0, length)]);
            client.EndSending();
            Assert.Equal([Frames.PutReply("a"), "truncated_frame"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
            Assert.Equal(Frames.GetReply("a", "1"), wire.Connect().Call(Frames.Get("a")));
            Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=frame_error}"]);
        }
    }

    [Fact]
    public async Task Serve_EndBetweenFrames_ClosesNormally()
    {
        using var wire = new TestWire();
        TestClient idle = wire.Connect();
        idle.EndSending();
        Assert.Empty(await idle.ReceiveToEndAsync());

        TestClient client = wire.Connect();
        client.Call(Frames.Put("a", "1"));
        client.EndSending();
        Assert.Empty(await client.ReceiveToEndAsync());
        Assert.Equal(2, wire.Metrics["kestrelkv.wire.connections.closed{reason=client}"]);
        Assert.Equal(0, wire.Connections.Count);
    }

    [Fact]
    public async Task Serve_HalfClose_IsAnsweredInFull()
    {
        using var wire = new TestWire(options => options.ReplyBytesMax = 4_096);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        string value = $"\"{new string('v', 3_000)}\"";
        client.Send([Frames.Put("a", value), .. Enumerable.Repeat(Frames.Get("a"), 300)]);
        client.EndSending();
        Assert.Equal([Frames.PutReply("a"), .. Enumerable.Repeat(Frames.GetReply("a", value), 300)], await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Serve_Reset_EndsQuietly()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Call(Frames.Put("a", "1"));
        client.EndSending(new ConnectionResetException("reset"));
        await client.ServedAsync();
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=reset}"]);
        Assert.Empty(wire.Log.Warnings);
        Assert.Equal(0, wire.Connections.Count);
    }

    [Fact]
    public async Task Serve_ClientDoesNotCloseAfterError_ServerClosesAfterLinger()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Send(Frames.Header(9, 9));
        wire.Advance(TimeSpan.FromMilliseconds(999));
        client.Send("more of it");
        Assert.False(client.IsServed);
        wire.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(["unsupported_version"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }
}
