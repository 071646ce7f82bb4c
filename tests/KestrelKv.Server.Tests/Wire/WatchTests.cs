using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>The feed over real connections, without gaps or duplicates.</summary>
public sealed class WatchTests
{
    private const int Writers = 3;
    private const int Batches = 200;

    [Fact]
    public async Task Watch_ResumedAcrossConnectionsAndKills_SendsEachChangeOnce()
    {
        using var data = new DataDirectory();
        List<(long Version, string Key)> received = [];
        long position = 0;
        for (int life = 1; life <= 3; life++)
        {
            await using ServerProcess server = await ServerProcess.StartAsync(data: data);
            Task[] writers = [.. Enumerable.Range(0, Writers).Select(i => WriteAsync(server, i))];
            while (received.Count < 2 * life * Writers * Batches) position = await FollowAsync(server, position, received);
            await Task.WhenAll(writers);
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }

        // Each batch has two changes of one version. Versions are consecutive, except across a start, which raises them.
        Assert.Equal(2 * 3 * Writers * Batches, received.Count);
        long[] versions = [.. received.Chunk(2).Select(pair => Assert.Single(pair.Select(change => change.Version).Distinct()))];
        Assert.Equal(2, versions.Zip(versions.Skip(1)).Count(pair => pair.Second != pair.First + 1));
        Assert.Equal(versions.Order().Distinct(), versions);
        Assert.All(received.Chunk(2), pair => Assert.Equal(["number", "list"], pair.Select(change => change.Key.Split(':')[1])));
    }

    [Fact]
    public async Task Stop_WithWatches_ClosesTheirConnections()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Contains("\"watch\": 1", await client.CallAsync("""{"func": "WATCH", "params": {}}"""), StringComparison.Ordinal);
        server.SendSignal("TERM");
        Assert.Null(await client.ReceiveAsync());
        await server.WaitForExitAsync();
    }

    private static async Task WriteAsync(ServerProcess server, int writer)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < Batches; i++)
        {
            string reply = await client.CallAsync(
                $$$"""
                {"func": "BATCH", "params": {"ops": [{"func": "INCR", "params": {"obj": "{{{writer}}}:number"}},
                  {"func": "PUT", "params": {"obj": "{{{writer}}}:list", "val": [{{{i}}}]}}]}}
                """);
            Assert.StartsWith("{\"status\": \"OK\"", reply, StringComparison.Ordinal);
        }
    }

    /// <summary>Receives a few replies of a watch on one connection. Returns the version up to which the feed was received.</summary>
    private static async Task<long> FollowAsync(ServerProcess server, long position, List<(long Version, string Key)> received)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync(
            Frames.Of($$$"""{"func": "WATCH", "params": {"from_version": {{{position + 1}}}, "bookmark_interval": 0.1}}"""));
        for (int replies = 0; replies < 5; replies++)
        {
            using JsonDocument reply = JsonDocument.Parse((await client.ReceiveAsync())!);
            JsonElement part = reply.RootElement.GetProperty("response").GetProperty("response");
            position = part.GetProperty("version").GetInt64();
            received.AddRange(part.GetProperty("changes").EnumerateArray().Select(change =>
                (change.GetProperty("version").GetInt64(), change.GetProperty("obj").GetString()!)));
        }
        return position;
    }
}
