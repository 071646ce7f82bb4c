using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>The end of event streams, and the release of their resources.</summary>
public sealed class WatchEndTests
{
    /// <summary>Settings with little feed memory and no log, so that history is compacted soon.</summary>
    private static readonly string[] CompactingSoon = ["Data:Durability=Memory", "Store:FeedMemoryBytes=1048576"];

    [Fact]
    public async Task Watch_OfACompactedVersion_IsRefusedWithTheOldestVersion()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(CompactingSoon);
        long start = await StatAsync(server, "version");
        for (int i = 0; i < 3; i++) await server.CallAsync("PUT", "/v1/keys/a", $"{i}");
        JsonElement problem = (await server.CallAsync("GET", "/v1/watch?from_version=1")).AssertProblem(
            410, "compacted", "the changes from version 1 on are no longer kept");
        long oldest = problem.GetProperty("oldest_version").GetInt64();
        Assert.InRange(oldest, start + 2, start + 4);
        (await server.CallAsync("GET", "/v1/watch", null, "Last-Event-ID: 0")).AssertProblem(410, "compacted");

        using EventReader events = await EventReader.OpenAsync(server, $"?from_version={oldest}");
        Assert.Equal(oldest - 1, (await events.NextAsync("bookmark")).Id);
        Assert.Equal(1, await StatAsync(server, "watches"));
    }

    [Fact]
    public async Task SlowReader_AfterCompaction_GetsTheErrorAtTheEnd()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(CompactingSoon);
        using EventReader events = await EventReader.OpenAsync(server, "?values=true");
        ServerEvent last = await events.NextAsync("bookmark");
        long start = last.Id!.Value;

        // More than the feed's memory and all buffers on the way hold.
        string value = $"\"{new string('v', 1_000_000)}\"";
        for (int i = 0; i < 60; i++) await server.CallAsync("PUT", "/v1/keys/a", value);
        ServerEvent? next;
        for (; (next = await events.NextAsync())?.Name == "changes"; last = next) Assert.Equal(last.Id + 1, next.Id);

        Assert.Equal("error", next?.Name);
        Assert.Null(next!.Id);
        Assert.Equal("compacted", next.Json.GetProperty("code").GetString());
        Assert.Contains($"from version {last.Id + 1} on", next.Json.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.InRange(next.Json.GetProperty("oldest_version").GetInt64(), last.Id!.Value + 2, start + 61);
        Assert.Null(await events.NextAsync());
        await AssertNoWatchAsync(server);
    }

    [Fact]
    public async Task Streams_AtTheLimit_AreRefusedUntilOneEnds()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Admin:WatchesMax=2"]);
        using EventReader stays = await EventReader.OpenAsync(server, "");
        using (EventReader goes = await EventReader.OpenAsync(server, ""))
        {
            await goes.NextAsync("bookmark");
            await stays.NextAsync("bookmark");
            (await server.CallAsync("GET", "/v1/watch")).AssertProblem(503, "too_many_watches");
        }

        // The slot of a stream is released shortly after its watch ends. An invalid request gets its own error once a slot is free.
        await Wait.UntilAsync(
            async () => (await server.CallAsync("GET", "/v1/watch?from_version=x")).Status == 400, () => "the stream has not ended");
        using EventReader next = await EventReader.OpenAsync(server, "");
        await next.NextAsync("bookmark");
    }

    [Fact]
    public async Task Reader_NotReading_IsDisconnected()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([.. CompactingSoon, "Wire:WriteTimeout=00:00:01"]);
        using WireClient client = await WireClient.ConnectAsync(server.Admin.Port);
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/watch?values=true HTTP/1.1\r\nHost: {server.Admin.Authority}\r\n\r\n"));
        await Wait.UntilAsync(async () => await StatAsync(server, "watches") == 1, () => "the watch was not opened");

        // Both sides' socket buffers hold a few megabytes. Each value is one event, and its timeout depends on its length.
        string value = $"\"{new string('v', 100_000)}\"";
        for (int i = 0; i < 200; i++) await server.CallAsync("PUT", "/v1/keys/a", value);
        await AssertNoWatchAsync(server);
        await server.StopAsync();
        server.AssertNoComplaint();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_Disconnected_LeavesNoWatch(bool reset)
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        List<WireClient> clients = [];
        for (int i = 0; i < 20; i++)
        {
            clients.Add(await WireClient.ConnectAsync(server.Admin.Port));
            await clients[i].SendAsync(Encoding.ASCII.GetBytes($"GET /v1/watch HTTP/1.1\r\nHost: {server.Admin.Authority}\r\n\r\n"));
        }
        await Wait.UntilAsync(async () => await StatAsync(server, "watches") == 20, () => "the watches were not opened");
        await server.CallAsync("PUT", "/v1/keys/a", "1");
        foreach (WireClient client in clients)
        {
            if (reset) client.Reset();
            else client.Dispose();
        }
        await AssertNoWatchAsync(server);
        await server.StopAsync();
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Stop_EndsTheStreamsCleanly()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using EventReader silent = await EventReader.OpenAsync(server, "?prefix=silent");
        using EventReader active = await EventReader.OpenAsync(server);
        await silent.NextAsync("bookmark");
        await active.NextAsync("bookmark");
        await server.CallAsync("PUT", "/v1/keys/a", "1");
        await active.NextAsync("changes");

        Task<int> stopped = server.StopAsync();
        Assert.Null(await silent.NextAsync());
        Assert.Null(await active.NextAsync());
        Assert.Equal(0, await stopped);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Restart_WithLastEventId_LosesNoChanges()
    {
        using var data = new DataDirectory();
        long? last = null;
        List<string> changes = [];
        for (int life = 0; life < 3; life++)
        {
            await using ServerProcess server = await ServerProcess.StartAsync(data: data);
            await server.CallAsync("PUT", $"/v1/keys/before-{life}", "1");
            using EventReader events = await EventReader.OpenAsync(server, "?from_version=1", last);
            await events.NextAsync("bookmark");
            await server.CallAsync("PUT", $"/v1/keys/after-{life}", "1");
            while (changes.Count < 2 * life + 2)
            {
                ServerEvent next = await events.NextAsync("changes");
                changes.AddRange(next.Changes);
                last = next.Id;
            }
            await server.StopAsync();
        }
        Assert.Equal(["put before-0", "put after-0", "put before-1", "put after-1", "put before-2", "put after-2"], changes);
    }

    private static Task AssertNoWatchAsync(ServerProcess server) =>
        Wait.UntilAsync(async () => await StatAsync(server, "watches") == 0, () => "a watch is still open");

    private static async Task<long> StatAsync(ServerProcess server, string name) =>
        JsonDocument.Parse((await server.CallAsync("GET", "/v1/stats")).Body).RootElement.GetProperty(name).GetInt64();
}
