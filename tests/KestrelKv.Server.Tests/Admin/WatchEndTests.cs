using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>How streams of events end, and that nothing of them stays.</summary>
public sealed class WatchEndTests
{
    /// <summary>Little memory for the feed, no log: it soon forgets.</summary>
    private static readonly string[] Forgetful = ["Data:Durability=Memory", "Store:FeedMemoryBytes=1048576"];

    [Fact]
    public async Task History_ThatIsGone_IsGoneAndTheOldestVersionTold()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(Forgetful);
        long start = await StatAsync(server, "version");
        for (int i = 0; i < 3; i++) await server.CallAsync("PUT", "/v1/keys/a", $"{i}");
        JsonElement problem = (await server.CallAsync("GET", "/v1/watch?from_version=1")).AssertProblem(410, "compacted", "the changes from version 1 on are no longer kept");
        long oldest = problem.GetProperty("oldest_version").GetInt64();
        Assert.InRange(oldest, start + 2, start + 4);
        (await server.CallAsync("GET", "/v1/watch", null, "Last-Event-ID: 0")).AssertProblem(410, "compacted");

        using EventReader events = await EventReader.OpenAsync(server, $"?from_version={oldest}");
        Assert.Equal(oldest - 1, (await events.NextAsync("bookmark")).Id);
        Assert.Equal(1, await StatAsync(server, "watches"));
    }

    [Fact]
    public async Task SlowReader_WhoseHistoryGoes_IsToldSoAtTheEnd()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(Forgetful);
        using EventReader events = await EventReader.OpenAsync(server, "?values=true");
        ServerEvent last = await events.NextAsync("bookmark");
        long start = last.Id!.Value;

        // More than all the buffers in between take, and all the memory that the feed has.
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
    public async Task Streams_AsManyAsThereMayBe_AreFollowedByARefusalUntilOneEnds()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Admin:WatchesMax=2"]);
        using EventReader stays = await EventReader.OpenAsync(server, "");
        using (EventReader goes = await EventReader.OpenAsync(server, ""))
        {
            await goes.NextAsync("bookmark");
            await stays.NextAsync("bookmark");
            (await server.CallAsync("GET", "/v1/watch")).AssertProblem(503, "too_many_watches");
        }

        // The place of a stream is free a moment after its watch has ended. An invalid request gets its error once it has a place.
        await Wait.UntilAsync(async () => (await server.CallAsync("GET", "/v1/watch?from_version=x")).Status == 400, () => "the stream has not ended");
        using EventReader next = await EventReader.OpenAsync(server, "");
        await next.NextAsync("bookmark");
    }

    [Fact]
    public async Task Reader_WhoReadsNothingMore_IsCutOff()
    {
        await using ServerProcess server = await ServerProcess.StartAsync([.. Forgetful, "Wire:WriteTimeout=00:00:01"]);
        using WireClient client = await WireClient.ConnectAsync(server.Admin.Port);
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/watch?values=true HTTP/1.1\r\nHost: {server.Admin.Authority}\r\n\r\n"));
        await Wait.UntilAsync(async () => await StatAsync(server, "watches") == 1, () => "the watch was not opened");

        // The system's buffers of both sides have room for a few megabytes. An event is a value, and each has its time by its length.
        string value = $"\"{new string('v', 100_000)}\"";
        for (int i = 0; i < 200; i++) await server.CallAsync("PUT", "/v1/keys/a", value);
        await AssertNoWatchAsync(server);
        await server.StopAsync();
        server.AssertNoComplaint();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_ThatGoes_LeavesNoWatch(bool reset)
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
    public async Task Stop_EndsTheStreamsProperly()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using EventReader silent = await EventReader.OpenAsync(server, "?prefix=silent");
        using EventReader told = await EventReader.OpenAsync(server);
        await silent.NextAsync("bookmark");
        await told.NextAsync("bookmark");
        await server.CallAsync("PUT", "/v1/keys/a", "1");
        await told.NextAsync("changes");

        Task<int> stopped = server.StopAsync();
        Assert.Null(await silent.NextAsync());
        Assert.Null(await told.NextAsync());
        Assert.Equal(0, await stopped);
        server.AssertNoComplaint();
    }

    [Fact]
    public async Task Restart_InBetween_LosesNothing()
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
        Wait.UntilAsync(async () => await StatAsync(server, "watches") == 0, () => "there is a watch still");

    private static async Task<long> StatAsync(ServerProcess server, string name) =>
        JsonDocument.Parse((await server.CallAsync("GET", "/v1/stats")).Body).RootElement.GetProperty(name).GetInt64();
}
