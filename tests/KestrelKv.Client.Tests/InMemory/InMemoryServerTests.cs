using KestrelKv.Client.Testing;
using KestrelKv.Testing;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Client.Tests.InMemory;

public sealed class InMemoryServerTests
{
    [Fact]
    public async Task Mirror_ServerWithOtherData_BeginsAgain()
    {
        await using InMemoryServer before = new(), after = new();
        InMemoryServer server = before;
        await using KestrelKvClient client = before.CreateClient(options =>
            options.ConnectCallback = stop => Volatile.Read(ref server).ConnectAsync(stop));
        await using KestrelKvClient other = after.CreateClient();
        await other.PutAsync("new", 2);
        for (int i = 0; i < 10; i++) await client.PutAsync("old", i);
        await using Mirror<int> mirror = await client.MirrorAsync<int>("");

        // The second server has lower versions, so it refuses to continue the watch with future_version.
        Volatile.Write(ref server, after);
        before.DropConnections();
        await Wait.UntilAsync(() => mirror.ContainsKey("new") || mirror.Completion.IsCompleted, () => "the mirror keeps its copy");
        Assert.Equal(["new"], mirror.Keys);
        Assert.False(mirror.Completion.IsCompleted);
    }

    [Fact]
    public async Task CreateClient_Calls_AreServedByTheEngine()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();

        Assert.True((await client.PutAsync("a", 1)).Applied);
        Assert.Equal(3, (await client.IncrementAsync("a", 2)).Value);
        Assert.Equal(3, (await client.GetAsync<int>("a")).Value);
        Assert.Equal(1, await client.CountAsync(""));
        Assert.Equal("Memory", (await client.InfoAsync()).GetProperty("durability").GetString());
    }

    [Fact]
    public async Task Servers_InOneProcess_ShareNothing()
    {
        await using InMemoryServer one = new(), other = new();
        await using KestrelKvClient toOne = one.CreateClient(), toOther = other.CreateClient(), alsoToOne = one.CreateClient();
        await toOne.PutAsync("a", 1);

        Assert.True((await alsoToOne.GetAsync<int>("a")).Found);
        Assert.False((await toOther.GetAsync<int>("a")).Found);
    }

    [Fact]
    public async Task Time_OfTheTest_ExpiresEntries()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var server = new InMemoryServer(time);
        await using KestrelKvClient client = server.CreateClient();
        WriteResult put = await client.PutAsync("a", 1, new() { Expiry = TimeSpan.FromMinutes(1) });

        time.Advance(TimeSpan.FromSeconds(59));
        Assert.True((await client.GetAsync<int>("a")).Found);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.False((await client.GetAsync<int>("a")).Found);
        Assert.Equal(new(2026, 1, 1, 0, 1, 0, TimeSpan.Zero), put.ExpiresAt);
    }

    [Fact]
    public async Task Time_ThatAdvancesWhileItIsRead_DoesNotBlock()
    {
        var time = new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.FromMilliseconds(50) };
        await using var server = new InMemoryServer(time);
        await using KestrelKvClient client = server.CreateClient(options => options.Time = TimeProvider.System);
        for (int i = 0; i < 200; i++) await client.PutAsync($"{i}", i, new() { Expiry = TimeSpan.FromMilliseconds(100) }).AsTask().WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task DropConnections_Idle_ClientConnectsAgain()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        await client.PutAsync("a", 1);
        await client.GetAsync<int>("a");
        Assert.Equal(2, server.ConnectionCount);

        server.DropConnections();
        Assert.Equal(1, (await client.GetAsync<int>("a")).Value);
        await Wait.UntilAsync(() => server.ConnectionCount == 1, () => $"{server.ConnectionCount} connections are open");
    }

    [Fact]
    public async Task DropConnections_UnderLoad_CountsEachIncrementOnce()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient(options =>
            (options.Timeout, options.ReconnectDelayMax) = (Wait.Patience, TimeSpan.FromMilliseconds(5)));
        Task<int>[] callers = [.. Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            int count = 0;
            for (; count < 100; count++) await client.IncrementAsync("n");
            return count;
        }))];
        Task all = Task.WhenAll(callers);
        while (!all.IsCompleted)
        {
            server.DropConnections();
            await Task.WhenAny(all, Task.Delay(5));
        }
        await all;

        Assert.Equal(2_000, (await client.GetAsync<int>("n")).Value);
    }

    [Fact]
    public async Task AcceptsConnections_False_CallFailsAtItsDeadlineAndLaterSucceeds()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient(options => options.ReconnectDelayMax = TimeSpan.FromMilliseconds(5));
        server.AcceptsConnections = false;

        NotSentException e = await Assert.ThrowsAsync<NotSentException>(
            async () => await client.PutAsync("a", 1, new() { Timeout = TimeSpan.FromMilliseconds(100) }));
        Assert.True(e.IsTimeout);
        Assert.Contains("AcceptsConnections", e.Message, StringComparison.Ordinal);

        server.AcceptsConnections = true;
        Assert.True((await client.PutAsync("a", 1)).Applied);
    }

    [Fact]
    public async Task ConnectAsync_ForAClientOfTheProgram_ConnectsIt()
    {
        await using var server = new InMemoryServer();
        await using var client = new KestrelKvClient(new KestrelKvClientOptions { ConnectCallback = server.ConnectAsync });
        Assert.True(await client.PingAsync() > TimeSpan.Zero);
    }

    [Fact]
    public async Task Watch_ReportsChanges()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        await using Mirror<int> mirror = await client.MirrorAsync<int>("a");
        long version = (await client.PutAsync("a", 1)).Version;

        await mirror.WaitForVersionAsync(version).WaitAsync(Wait.Patience);
        Assert.Equal(1, mirror["a"].Value);
    }

    [Fact]
    public async Task DisposeAsync_WithOpenConnections_EndsThem()
    {
        var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient(options => options.FailFast = true);
        await client.PingAsync();
        await server.DisposeAsync().AsTask().WaitAsync(Wait.Patience);
        await server.DisposeAsync();

        Assert.Equal(0, server.ConnectionCount);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await server.ConnectAsync());

        // The read may have been sent before the client has noticed the end of its connection.
        await Assert.ThrowsAnyAsync<KestrelKvException>(async () => await client.GetAsync<int>("a"));
    }

    [Fact]
    public async Task LargeValues_InBothDirections_Arrive()
    {
        await using var server = new InMemoryServer();
        await using KestrelKvClient client = server.CreateClient();
        string value = new('x', 5_000_000);
        await client.PutAsync("a", value);
        Assert.Equal(value, (await client.GetAsync<string>("a")).Value);
    }
}
