using System.Net;
using System.Net.Sockets;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Replies;

/// <summary>A reply that is JSON, but neither a response nor an error: the caller gets one of the documented outcomes.</summary>
public sealed class UnknownReplyTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("7")]
    [InlineData("""{"status": "OK"}""")]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN"}}""")]
    public async Task Call_WithSuchAReply_HasAnUnknownOutcome(string reply)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task served = ServeAsync(listener, reply);
        await using (var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"))
        {
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => client.GetAsync<int>("k").AsTask().WaitAsync(Wait.Patience));
            Assert.Equal(0, client.CallsInProgress);
        }
        await served.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Count_WithoutANumber_HasAnUnknownOutcome()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task served = ServeAsync(listener, """{"status": "OK", "response": {"func": "SCAN", "response": {}}}""");
        await using (var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"))
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => client.CountAsync("").AsTask().WaitAsync(Wait.Patience));
        await served.WaitAsync(Wait.Patience);
    }

    /// <summary>Answers the PING of one connection, and every further read with the reply, until the client closes.</summary>
    private static async Task ServeAsync(TcpListener listener, string reply)
    {
        using Socket socket = await listener.AcceptSocketAsync();
        byte[] received = new byte[4_096];
        string next = """{"status": "OK", "response": {"func": "PING", "response": {"response": "pong"}}}""";
        while (await socket.ReceiveAsync(received) > 0)
        {
            await socket.SendAsync(Frames.Of(next));
            next = reply;
        }
    }
}
