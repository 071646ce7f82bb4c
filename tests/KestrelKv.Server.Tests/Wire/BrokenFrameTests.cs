using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>
/// A broken frame gets an error reply if the client can still read it, and ends its own connection. Other connections are not affected.
/// </summary>
public sealed class BrokenFrameTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const int FrameBytesMax = 16 * 1024 * 1024;

    public static TheoryData<byte[], string, string> BrokenFrames() => new()
    {
        { Frames.Header(1, -1), "invalid_length", "length -1" },
        { Frames.Header(1, int.MinValue), "invalid_length", "length -2147483648" },
        { Frames.Header(1, FrameBytesMax + 1), "frame_too_long", "length 16777217" },
        { Frames.Header(1, int.MaxValue), "frame_too_long", "length 2147483647" },
        { Frames.Header(0, 10), "unsupported_version", "version 0" },
        { Frames.Header(2, 10), "unsupported_version", "version 2" },
        { Frames.Header(-1, 10), "unsupported_version", "version -1" },
        { Frames.Header(16_777_216, 10), "unsupported_version", "big-endian" },
        { Frames.Header(16_777_216, 167_772_160), "unsupported_version", "big-endian" },
        { [0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0x00, 0xff], "unsupported_version", "version" },
        { [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], "unsupported_version", "version" }, // TLS ClientHello.
        { "{\"func\": \"GET\", \"params\": {\"obj\": \"a\"}}"u8.ToArray(), "unsupported_version", "version" },
        { "*1\r\n$4\r\nPING\r\n"u8.ToArray(), "unsupported_version", "version" },
    };

    public static TheoryData<byte[], string> TruncatedFrames() => new()
    {
        { [1], "1 of the 8 bytes of a frame's header" },
        { Frames.Header(1, 10)[..7], "7 of the 8 bytes of a frame's header" },
        { Frames.Header(1, 10), "0 of the 10 bytes of a frame's body" },
        { Frames.Of(Frames.Get("a"))[..^1], "bytes of a frame's body" },
        { [.. Frames.Header(1, FrameBytesMax), .. new byte[100_000]], "100000 of the 16777216 bytes of a frame's body" },
        { "GET"u8.ToArray(), "3 of the 8 bytes of a frame's header" },
    };

    [Theory]
    [MemberData(nameof(BrokenFrames), DisableDiscoveryEnumeration = true)]
    public async Task BrokenFrame_AfterAGoodOne_GetsAnErrorAndEndsOnlyItsConnection(byte[] broken, string code, string detail)
    {
        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        await DefaultServer.AssertServesAsync(other);

        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync((byte[])[.. Frames.Of(Frames.Get("a")), .. broken]);
        Assert.Equal(Frames.GetReply("a", "null"), await client.ReceiveAsync());
        Frames.AssertError(await client.ReceiveAsync(), code, detail);
        await DefaultServer.AssertServesAsync(other);

        client.EndSending();
        Assert.Null(await client.ReceiveAsync());
        await DefaultServer.AssertServesAsync(other);
    }

    [Theory]
    [MemberData(nameof(TruncatedFrames), DisableDiscoveryEnumeration = true)]
    public async Task TruncatedFrame_BeforeAHalfClose_GetsAnErrorAndEndsOnlyItsConnection(byte[] truncated, string detail)
    {
        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync((byte[])[.. Frames.Of(Frames.Get("a")), .. truncated]);
        client.EndSending();
        Assert.Equal(Frames.GetReply("a", "null"), await client.ReceiveAsync());
        Frames.AssertError(await client.ReceiveAsync(), "truncated_frame", detail);
        Assert.Null(await client.ReceiveAsync());
        await DefaultServer.AssertServesAsync(other);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: here\r\n\r\n")]
    [InlineData("POST /v1/keys HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("PUT /a HTTP/1.0\r\n\r\n")]
    [InlineData("HEAD / HTTP/1.1\r\n\r\n")]
    [InlineData("DELETE /a HTTP/1.1\r\n\r\n")]
    [InlineData("OPTIONS * HTTP/1.1\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    public async Task HttpRequest_OnTheWirePort_GetsAnHttpResponse(string request)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync(Encoding.ASCII.GetBytes(request));
        client.EndSending();
        string[] response = Encoding.ASCII.GetString(await client.ReceiveToEndAsync()).Split("\r\n\r\n", 2);
        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", response[0], StringComparison.Ordinal);
        Assert.Contains($"\r\nContent-Length: {response[1].Length}", response[0], StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close", response[0], StringComparison.Ordinal);
        Assert.Contains("KestrelKv wire port", response[1], StringComparison.Ordinal);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task HttpClients_OnTheWirePort_UnderstandTheResponse()
    {
        var address = new Uri($"http://127.0.0.1:{server.WirePort}/");
        using var http = new HttpClient();
        using HttpResponseMessage got = await http.GetAsync(address);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, got.StatusCode);
        Assert.Contains("admin port", await got.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using HttpResponseMessage posted = await http.PostAsync(address, new StringContent(new string('x', 100_000)));
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, posted.StatusCode);

        string printed = await Programs.RunAsync("curl", ["-s", "-w", "%{http_code}", address.ToString()]);
        Assert.EndsWith("400", printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokenFrame_WithoutAHalfClose_EndsTheConnection()
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync(Frames.Header(1, -1));
        Frames.AssertError(await client.ReceiveAsync(), "invalid_length", "length -1");
        Assert.Null(await client.ReceiveAsync());
    }

    [Fact]
    public async Task RefusedHeader_FollowedByMegabytes_StillGetsTheError()
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync(Frames.Header(1, FrameBytesMax + 1));
        await client.SendAsync(new byte[FrameBytesMax + 1]);
        Frames.AssertError(await client.ReceiveAsync(), "frame_too_long", "length 16777217");
        client.EndSending();
        Assert.Null(await client.ReceiveAsync());
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task RequestsAfterABrokenFrame_AreNotExecuted()
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync((byte[])[.. Frames.Header(2, 0), .. Frames.Of(Frames.Put("after broken", "1"))]);
        Frames.AssertError(await client.ReceiveAsync(), "unsupported_version", "version 2");
        client.EndSending();
        Assert.Null(await client.ReceiveAsync());

        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.GetReply("after broken", "null"), await other.CallAsync(Frames.Get("after broken")));
    }

    [Fact]
    public Task RandomBytes_OnManyConnections_NeverStopTheServer() => Seeds.RunAsync(async random =>
    {
        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < 200; i++)
        {
            byte[] garbage = new byte[random.Next(1, 3_000)];
            random.NextBytes(garbage);

            // Half of them have a valid header, so that the garbage is in the body.
            if (i % 2 == 0) garbage = Frames.Of(garbage);
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            await client.SendAsync(garbage);
            client.EndSending();
            string? reply = await client.ReceiveAsync();
            Assert.StartsWith("{\"status\": \"ERROR\"", reply, StringComparison.Ordinal);
            Assert.Null(await client.ReceiveAsync());
            await DefaultServer.AssertServesAsync(other);
        }
    });
}
