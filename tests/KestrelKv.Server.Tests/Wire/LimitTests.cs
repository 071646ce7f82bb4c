using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>Limits on connections, their timeouts and sizes, each on its own server.</summary>
public sealed class LimitTests
{
    [Fact]
    public async Task ConnectionsMax_Exceeded_RefusesUntilAConnectionCloses()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:ConnectionsMax=3"]);
        List<WireClient> clients = [];
        for (int i = 0; i < 3; i++) clients.Add(await DefaultServer.ConnectServedAsync(server.WirePort));

        for (int i = 0; i < 5; i++)
        {
            using WireClient refused = await WireClient.ConnectAsync(server.WirePort);
            Frames.AssertError(await refused.ReceiveAsync(), "too_many_connections", "3 connections");
            refused.EndSending();
            Assert.Null(await refused.ReceiveAsync());
        }
        foreach (WireClient client in clients) await DefaultServer.AssertServesAsync(client);

        // Each kind of disconnection frees the slot of the connection.
        clients[0].Dispose();
        clients[0] = await ConnectOnceAdmittedAsync(server.WirePort);
        clients[1].Reset();
        clients[1] = await ConnectOnceAdmittedAsync(server.WirePort);
        await clients[2].SendAsync(Frames.Header(2, 0));
        Frames.AssertError(await clients[2].ReceiveAsync(), "unsupported_version", "version 2");
        clients[2].Dispose();
        clients[2] = await ConnectOnceAdmittedAsync(server.WirePort);

        foreach (WireClient client in clients)
        {
            await DefaultServer.AssertServesAsync(client);
            client.Dispose();
        }
    }

    [Fact]
    public async Task ConnectionsMax_RequestOfARefusedClient_IsNotExecuted()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:ConnectionsMax=1"]);
        using WireClient only = await DefaultServer.ConnectServedAsync(server.WirePort);
        using (WireClient refused = await WireClient.ConnectAsync(server.WirePort))
        {
            await refused.SendAsync(Frames.Of(Frames.Put("refused", "1")));
            Frames.AssertError(await refused.ReceiveAsync(), "too_many_connections", "1 connections");
            refused.EndSending();
            Assert.Null(await refused.ReceiveAsync());
        }
        Assert.Equal(Frames.GetReply("refused", "null"), await only.CallAsync(Frames.Get("refused")));
    }

    [Fact]
    public async Task IdleTimeout_OfSilentClients_ClosesThemAndKeepsBusyOnes()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:IdleTimeout=00:00:05"]);

        // Busy clients: one makes calls, one sends a single call byte by byte. They connect first, so the timeout elapses for them too.
        using WireClient caller = await DefaultServer.ConnectServedAsync(server.WirePort);
        using WireClient slow = await WireClient.ConnectAsync(server.WirePort);
        byte[] frame = Frames.Of(Frames.Get(new string('k', 4_000)));
        await slow.SendAsync(frame.AsMemory(0, 1));
        using var done = new CancellationTokenSource();
        Task calling = KeepCallingAsync();
        Task sending = SendSlowlyAsync();

        using WireClient silent = await WireClient.ConnectAsync(server.WirePort);
        using WireClient afterACall = await DefaultServer.ConnectServedAsync(server.WirePort);
        using WireClient inAFrame = await WireClient.ConnectAsync(server.WirePort);
        await inAFrame.SendAsync(Frames.Of(Frames.Get("a")).AsMemory(0, 10));
        foreach (WireClient idle in (WireClient[])[silent, afterACall, inAFrame])
        {
            Frames.AssertError(await idle.ReceiveAsync(), "idle_timeout", "5 seconds");
            idle.EndSending();
            Assert.Null(await idle.ReceiveAsync());
        }
        await done.CancelAsync();
        await calling;
        await sending;

        async Task KeepCallingAsync()
        {
            while (!done.IsCancellationRequested)
            {
                await DefaultServer.AssertServesAsync(caller);
                await Task.Delay(100, CancellationToken.None);
            }
        }

        async Task SendSlowlyAsync()
        {
            foreach (byte each in frame[1..^1])
            {
                if (done.IsCancellationRequested) break;
                await slow.SendAsync(new[] { each });
                await Task.Delay(100, CancellationToken.None);
            }
            Assert.True(done.IsCancellationRequested, "the idle connections were not closed in time");
            Assert.Equal(0, slow.Socket.Available);
        }
    }

    [Fact]
    public async Task WriteTimeout_ClientsThatNeverRead_AreDisconnectedAndMemoryIsBounded()
    {
        const int Clients = 20;
        const int ValueBytes = 1_000_000;
        const int Gets = 1_000;
        await using ServerProcess server = await ServerProcess.StartAsync(["Wire:WriteTimeout=00:00:02"]);
        using WireClient reader = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', ValueBytes)}\"";
        Assert.Equal(Frames.PutReply("large"), await reader.CallAsync(Frames.Put("large", value)));
        Assert.Equal(Frames.GetReply("large", value), await reader.CallAsync(Frames.Get("large")));
        long before = server.ResidentBytes();

        // Requests for 20 GB of replies.
        byte[] gets = [.. Enumerable.Repeat(Frames.Of(Frames.Get("large")), Gets).SelectMany(x => x)];
        List<WireClient> unread = [];
        for (int i = 0; i < Clients; i++)
        {
            unread.Add(await WireClient.ConnectAsync(server.WirePort));
            await unread[i].SendAsync(gets);
        }

        long peak = 0;
        await Wait.UntilAsync(
            async () =>
            {
                peak = Math.Max(peak, server.ResidentBytes());
                await DefaultServer.AssertServesAsync(reader);
                return Occurrences(server.Log, " was aborted: ") == Clients;
            },
            () => $"the server did not disconnect every client:\n{server.Log}");

        // A few buffered replies per client instead of the 1,000 requested.
        long bound = before + Clients * 8L * ValueBytes;
        Assert.True(peak < bound, $"{peak:N0} bytes resident, {before:N0} before, expected less than {bound:N0}");

        // The connections are closed.
        foreach (WireClient client in unread)
        {
            await Assert.ThrowsAnyAsync<IOException>(client.ReceiveToEndAsync);
            client.Dispose();
        }
        await DefaultServer.AssertServesAsync(reader);
        Assert.DoesNotContain(" ERR ", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FrameBytesMax_Lowered_IsEnforced()
    {
        const int FrameBytesMax = 6_000;
        await using ServerProcess server = await ServerProcess.StartAsync([$"Limits:FrameBytesMax={FrameBytesMax}"]);
        string longest = Frames.Put("a", $"\"{new string('x', FrameBytesMax - Frames.Put("a", "\"\"").Length)}\"");
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("a"), await client.CallAsync(longest));
        Frames.AssertError(await client.CallAsync(longest + " "), "frame_too_long", "6000");
    }

    [Fact]
    public async Task KeyBytesMaxAndJsonDepthMax_Changed_AreEnforced()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Limits:KeyBytesMax=8", "Limits:JsonDepthMax=512"]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("12345678"), await client.CallAsync(Frames.Put("12345678", Nested(512))));
        Assert.Equal(Frames.GetReply("12345678", Nested(512)), await client.CallAsync(Frames.Get("12345678")));
        Frames.AssertError(await client.CallAsync(Frames.Put("12345678", Nested(513))), "too_deep", "512");
        Frames.AssertError(await client.CallAsync(Frames.Get("123456789")), "key_too_long", "at most 8");

        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
    }

    [Fact]
    public async Task MemoryBytesMax_Reached_RefusesGrowingWritesOverBothDoorsOnly()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Store:MemoryBytesMax=2000000"]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 10_000)}\"";
        int keys = 0;
        string reply;
        while ((reply = await client.CallAsync(Frames.Put($"k{keys}", value))) == Frames.PutReply($"k{keys}")) keys++;
        Frames.AssertError(reply, "memory_full", "Store:MemoryBytesMax");
        Assert.InRange(keys, 150, 200);

        RawResponse put = await RawHttp.SendAsync(server.Admin, "PUT", "/v1/keys/new", body: Encoding.ASCII.GetBytes(value));
        put.AssertProblem(507, "memory_full");

        Assert.Equal(Frames.GetReply("k0", value), await client.CallAsync(Frames.Get("k0")));
        Assert.Equal(Frames.PutReply("k0"), await client.CallAsync(Frames.Put("k0", value)));
        Assert.Equal(204, (await RawHttp.SendAsync(server.Admin, "DELETE", "/v1/keys/k1")).Status);
        Assert.Equal(Frames.PutReply("new"), await client.CallAsync(Frames.Put("new", value)));

        Scrape scrape = await Scrape.OfAsync(server.Admin);
        Assert.Equal(1, scrape.Sum("kestrelkv_wire_requests_total", ("function", "PUT"), ("outcome", "memory_full")));
        Assert.Equal(2, scrape.Sum("kestrelkv_store_refusals_total"));
        Assert.Equal(2_000_000, scrape.Sum("kestrelkv_store_memory_limit_bytes"));
        Assert.InRange(scrape.Sum("kestrelkv_store_memory_bytes"), 1_900_000, 2_000_000);
    }

    [Fact]
    public async Task Eviction_Lru_KeepsUsedEntriesWithinTheMemoryLimit()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Store:MemoryBytesMax=2000000", "Store:Eviction=lru"]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 10_000)}\"";
        for (int i = 0; i < 1_000; i++)
        {
            Assert.Equal(Frames.PutReply($"k{i}"), await client.CallAsync(Frames.Put($"k{i}", value)));
            Assert.Equal(Frames.GetReply("k0", value), await client.CallAsync(Frames.Get("k0")));

            // Longer than the resolution of the clock that records uses.
            if (i % 20 == 0) await Task.Delay(10);
        }
        Scrape scrape = await Scrape.OfAsync(server.Admin);
        double evictions = scrape.Sum("kestrelkv_store_evictions_total");
        Assert.Equal(1_000 - evictions, scrape.Sum("kestrelkv_store_keys"));
        Assert.Equal(1_000 + evictions, scrape.Sum("kestrelkv_store_version"));
        Assert.InRange(scrape.Sum("kestrelkv_store_memory_bytes"), 1_900_000, 2_000_000);
    }

    /// <summary>Connects and calls until the server has noticed an earlier disconnection and admits the client.</summary>
    private static async Task<WireClient> ConnectOnceAdmittedAsync(int port)
    {
        WireClient? client = null;
        string reply = "";
        await Wait.UntilAsync(
            async () =>
            {
                client?.Dispose();
                client = await WireClient.ConnectAsync(port);
                reply = await client.CallAsync(Frames.Get("a"));
                return reply == Frames.GetReply("a", "null");
            },
            () => $"the client was not admitted in time: {reply}");
        return client!;
    }

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;
}
