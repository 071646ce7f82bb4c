using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>What waits for the disk leaves no garbage behind, either.</summary>
public sealed class AllocationTests
{
    /// <summary>More than the runtime's shared pools keep of one size for a core: 32.</summary>
    private const int Connections = 64;

    private const int Rounds = 200;

    [Fact]
    public async Task Put_OfManyWhoWaitForTheDisk_AllocatesNextToNothing()
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

        // What a sync takes, and the scrape itself; a buffer of 4 KiB for one in ten requests would be more.
        Assert.InRange(least / (Connections * Rounds), 0, 100);
    }

    private static Task RunAsync(WireClient[] clients) => Task.WhenAll(clients.Select(async (client, i) =>
    {
        for (int round = 0; round < Rounds; round++) Assert.Equal(Frames.PutReply($"{i}"), await client.CallAsync(Frames.Put($"{i}", "1")));
    }));

    private static async Task<double> AllocatedAsync(ServerProcess server) =>
        (await Scrape.OfAsync(server.Admin)).Sum("dotnet_gc_heap_total_allocated_bytes_total");
}
