using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>Requests that wait for the disk do not allocate per request either.</summary>
public sealed class AllocationTests
{
    /// <summary>More than the 32 arrays of one size that the runtime's shared pool keeps per core.</summary>
    private const int Connections = 64;

    private const int Rounds = 200;

    [Fact]
    public async Task Put_OnManyConnectionsWaitingForTheDisk_AllocatesAlmostNothing()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Always"]);
        WireClient[] clients = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => WireClient.ConnectAsync(server.WirePort)));
        await RunAsync(clients);
        double least = double.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            double before = await AllocatedAsync(server);
            await RunAsync(clients);
            least = Math.Min(least, await AllocatedAsync(server) - before);
        }
        foreach (WireClient client in clients) client.Dispose();

        // The bound covers the cost of syncs and of the scrape. A buffer of 4 KiB for every tenth request would exceed it.
        Assert.InRange(least / (Connections * Rounds), 0, 100);
    }

    private static Task RunAsync(WireClient[] clients) => Task.WhenAll(clients.Select(async (client, i) =>
    {
        for (int round = 0; round < Rounds; round++) Assert.Equal(Frames.PutReply($"{i}"), await client.CallAsync(Frames.Put($"{i}", "1")));
    }));

    private static async Task<double> AllocatedAsync(ServerProcess server) =>
        (await Scrape.OfAsync(server.Admin)).Sum("dotnet_gc_heap_total_allocated_bytes_total");
}
