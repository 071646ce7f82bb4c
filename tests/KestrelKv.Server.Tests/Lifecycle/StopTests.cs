using System.Net.Sockets;
using KestrelKv.Server.Tests.Durability;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Lifecycle;

/// <summary>A stopped server answers the requests that it has received, and exits in time.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task Stop_WithRequestsReceived_AnswersThemAndClosesCleanly()
    {
        const int Clients = 20;
        const int Requests = 2_000;
        await using ServerProcess server = await ServerProcess.StartAsync();
        List<WireClient> clients = [];
        for (int i = 0; i < Clients; i++) clients.Add(await DefaultServer.ConnectServedAsync(server.WirePort));

        byte[] requests = [.. Enumerable.Range(0, Requests).SelectMany(i => Frames.Of(Frames.Put($"key {i}", $"{i}")))];
        await Task.WhenAll(clients.Select(client => client.SendAsync(requests)));
        Task<int> stopped = server.StopAsync();

        foreach (WireClient client in clients)
        {
            for (int i = 0; i < Requests; i++) Assert.Equal(Frames.PutReply($"key {i}"), await client.ReceiveAsync());
            Assert.Null(await client.ReceiveAsync());
            client.Dispose();
        }
        Assert.Equal(0, await stopped);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Stop_WithLargeRepliesUnread_WaitsForTheClientToReadThem()
    {
        const int Gets = 100;
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 1_000_000)}\"";
        Assert.Equal(Frames.PutReply("large"), await client.CallAsync(Frames.Put("large", value)));

        await client.SendAsync(Enumerable.Repeat(Frames.Of(Frames.Get("large")), Gets).SelectMany(x => x).ToArray());
        server.SendSignal("TERM");
        await LoggedAsync(server, "Stopping");
        for (int i = 0; i < Gets; i++) Assert.Equal(Frames.GetReply("large", value), await client.ReceiveAsync());
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Stop_WithMegabytesOfRequestsOfASlowReader_AnswersThem()
    {
        const int Gets = 80_000;
        const int Pauses = 20;
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 4_000)}\"";
        Assert.Equal(Frames.PutReply("slow"), await client.CallAsync(Frames.Put("slow", value)));

        // More than the server's buffer holds; the other requests wait in the kernel's.
        await client.SendAsync(Enumerable.Repeat(Frames.Of(Frames.Get("slow")), Gets).SelectMany(x => x).ToArray());
        server.SendSignal("TERM");
        await LoggedAsync(server, "Stopping");
        string expected = Frames.GetReply("slow", value);
        for (int i = 0; i < Gets; i++)
        {
            // The test is about these pauses: together they exceed the time for which the server waits for an idle client.
            if (i % (Gets / Pauses) == 0) await Task.Delay(100);
            Assert.Equal(expected, await client.ReceiveAsync());
        }
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Stop_WithIdleClientsAndIncompleteFrames_DoesNotWaitForThem()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient silent = await WireClient.ConnectAsync(server.WirePort);
        await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 1);
        using WireClient idle = await DefaultServer.ConnectServedAsync(server.WirePort);
        using WireClient inAFrame = await DefaultServer.ConnectServedAsync(server.WirePort);
        await inAFrame.SendAsync(Frames.Header(1, 100));
        using WireClient refused = await DefaultServer.ConnectServedAsync(server.WirePort);
        await refused.SendAsync(Frames.Header(2, 100));

        Assert.Equal(0, await server.StopAsync());
        Assert.Null(await silent.ReceiveAsync());
        Assert.Null(await idle.ReceiveAsync());
        Assert.Null(await inAFrame.ReceiveAsync());
        Assert.StartsWith("{\"status\": \"ERROR\"", await refused.ReceiveAsync(), StringComparison.Ordinal);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Stop_WithClientsThatNeverStopSending_Completes()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        byte[] requests = [.. Enumerable.Repeat(Frames.Of(Frames.Get("a")), 100).SelectMany(x => x)];
        long[] replyBytes = new long[4];
        Task[] clients = [.. Enumerable.Range(0, replyBytes.Length).Select(SendUntilDisconnectedAsync)];
        await Wait.UntilAsync(
            () =>
                Enumerable.Range(0, replyBytes.Length).All(i => Interlocked.Read(ref replyBytes[i]) > 0), () =>
                    "not every client is answered");

        Assert.Equal(0, await server.StopAsync());
        await Task.WhenAll(clients).WaitAsync(Wait.Patience);
        server.AssertNoComplaint();

        async Task SendUntilDisconnectedAsync(int i)
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            Task sending = Task.Run(async () =>
            {
                while (true) await client.SendAsync(requests);
            });
            try
            {
                byte[] buffer = new byte[100_000];
                while (await client.Socket.ReceiveAsync(buffer) is var bytes and > 0) Interlocked.Add(ref replyBytes[i], bytes);
            }
            catch (SocketException)
            {
                // The connection was aborted while it was sending.
            }
            await Assert.ThrowsAnyAsync<IOException>(() => sending);
        }
    }

    [Fact]
    public async Task Stop_WithAClientThatNeverReads_EndsAfterTheStopTimeout()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["StopTimeout=00:00:01", "Wire:WriteTimeout=01:00:00"]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 1_000_000)}\"";
        Assert.Equal(Frames.PutReply("large"), await client.CallAsync(Frames.Put("large", value)));
        await client.SendAsync(Enumerable.Repeat(Frames.Of(Frames.Get("large")), 1_000).SelectMany(x => x).ToArray());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Stop_ThenStartOnTheSamePort_Serves()
    {
        await using ServerProcess first = await ServerProcess.StartAsync();
        int port = first.WirePort;

        // The port of the side that closes first, here the server, stays in TIME_WAIT.
        List<WireClient> clients = [];
        for (int i = 0; i < 20; i++) clients.Add(await DefaultServer.ConnectServedAsync(port));
        Assert.Equal(0, await first.StopAsync());
        foreach (WireClient client in clients) Assert.Null(await client.ReceiveAsync());

        await using ServerProcess second = await ServerProcess.StartAsync([$"Wire:Port={port}"]);
        Assert.Equal(port, second.WirePort);
        await DefaultServer.AssertServesAsync(port);
        Assert.Equal(0, await second.StopAsync());
        foreach (WireClient client in clients) client.Dispose();
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("QUIT")]
    public async Task Stop_ByAnotherSignal_IsClean(string signal)
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await DefaultServer.ConnectServedAsync(server.WirePort);
        server.SendSignal(signal);
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(0, await server.WaitForExitAsync());
        Assert.Contains("Stopped", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hangup_OfTheTerminal_IsIgnored()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await DefaultServer.ConnectServedAsync(server.WirePort);
        server.SendSignal("HUP");
        await DefaultServer.AssertServesAsync(client);
        await DefaultServer.AssertServesAsync(server.WirePort);
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
    }

    [StraceFact]
    public async Task Stop_OnAHangingDisk_EndsAfterTheStopTimeout()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["StopTimeout=0", "Data:Durability=EverySec"]);
        await using (await Strace.AttachAsync(server, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_enter=600s"))
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.PutReply("a"), await client.CallAsync(Frames.Put("a", "1")));
            server.SendSignal("TERM");
            await LoggedAsync(server, "the process ends without closing the store");
        }

        // The blocked threads end when strace detaches from them.
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Connect_WhileTheServerStops_IsRefused()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:WriteTimeout=01:00:00"]);
        using WireClient holding = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 1_000_000)}\"";
        Assert.Equal(Frames.PutReply("large"), await holding.CallAsync(Frames.Put("large", value)));
        await holding.SendAsync(Enumerable.Repeat(Frames.Of(Frames.Get("large")), 100).SelectMany(x => x).ToArray());
        server.SendSignal("TERM");
        await LoggedAsync(server, "Stopping");

        // This connection keeps the server running, which accepts no further ones.
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    using WireClient late = await WireClient.ConnectAsync(server.WirePort);
                    return false;
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
                {
                    // The connection was in the accept queue when the listener was closed.
                    return false;
                }
                catch (SocketException e)
                {
                    Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
                    return true;
                }
            },
            () => "the server still accepts connections");
        for (int i = 0; i < 100; i++) Assert.Equal(Frames.GetReply("large", value), await holding.ReceiveAsync());
        Assert.Null(await holding.ReceiveAsync());
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    private static Task LoggedAsync(ServerProcess server, string text) => Wait.UntilAsync(
        () => server.Log.Contains(text, StringComparison.Ordinal), () => $"'{text}' is not in the log:\n{server.Log}");
}
