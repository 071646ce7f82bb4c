using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>The memory of the process while clients do not read their replies, and its release.</summary>
public sealed class ReplyMemoryTests
{
    private const long MiB = 1024 * 1024;
    private const int Clients = 16;

    [Fact]
    public async Task LargeRepliesUnread_OfManyClients_UseAtMostTheBudgetAndAreReleased()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ["Wire:ReplyBytesTotalMax=200000000", "Wire:WriteTimeout=00:00:02", "Data:Durability=Memory"]);
        using WireClient other = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("a"), await other.CallAsync(Frames.Put("a", $"\"{new string('v', 4_000_000)}\"")));
        string mget = $$$"""{"func": "MGET", "params": {"objs": [{{{string.Join(", ", Enumerable.Repeat("\"a\"", 16))}}}]}}""";
        long before = server.ResidentBytes();

        List<WireClient> clients = [];
        for (int i = 0; i < Clients; i++)
        {
            clients.Add(await WireClient.ConnectAsync(server.WirePort));
            clients[i].Socket.ReceiveBufferSize = 4_096;
            await clients[i].SendAsync(Frames.Of(mget));
        }
        long peak = 0;
        await Wait.UntilAsync(
            async () =>
            {
                peak = Math.Max(peak, server.ResidentBytes());
                Scrape scrape = await Scrape.OfAsync(server.Admin);
                return scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "write_timeout")) +
                    scrape.Sum("kestrelkv_wire_requests_total", ("function", "MGET"), ("outcome", "replies_full")) == Clients;
            },
            () => "some clients were neither disconnected nor refused");

        // 16 buffered replies of 64 MB would be 1 GB.
        Assert.InRange(peak - before, 0, 450 * MiB);
        await Wait.UntilAsync(
            () =>
                server.ResidentBytes() < before + (40 * MiB), () => $"{server.ResidentBytes() / MiB} MiB resident, {before / MiB} before");
        foreach (WireClient client in clients) client.Dispose();
    }

    [Fact]
    public async Task Mget_BeyondReadBytesMax_IsRefusedWithTheSetting()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Limits:ReadBytesMax=1048576"]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("a"), await client.CallAsync(Frames.Put("a", $"\"{new string('v', 600_000)}\"")));
        Assert.Contains("entries", await client.CallAsync("""{"func": "MGET", "params": {"objs": ["a"]}}"""), StringComparison.Ordinal);
        Frames.AssertError(
            await client.CallAsync("""{"func": "MGET", "params": {"objs": ["a", "a"]}}"""), "value_too_long", "Limits:ReadBytesMax");
    }
}
