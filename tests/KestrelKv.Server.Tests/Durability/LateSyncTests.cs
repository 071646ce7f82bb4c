using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>
/// The modes that acknowledge before a sync: after a kill, recovery restores a prefix of the commit history that ends shortly before it.
/// </summary>
public sealed class LateSyncTests
{
    /// <summary>How long before a kill writes may have been acknowledged, or shown by reads, and still be lost.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private static readonly string[] Modes = ["EverySec", "None"];

    [Fact]
    public Task Kill_InModesWithLateSync_LosesAtMostTheGracePeriod() => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        foreach (string mode in Modes)
        {
            string[] settings = [$"Data:Durability={mode}", "Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=4194304"];
            await using (ServerProcess server = await ServerProcess.StartAsync(settings, data: data))
            {
                await witness.CheckAsync(server);
                await witness.LoadAsync(server);

                // Longer than the grace period, so that some writes must not be lost.
                await Task.Delay(Grace + TimeSpan.FromMilliseconds(random.Next(1_000)));
                server.SendSignal("KILL");
                await server.WaitForExitAsync();
                await witness.EndedAsync();
            }
            await using ServerProcess second = await ServerProcess.StartAsync(settings, data: data);
            await witness.CheckAsync(second, Grace);
            Assert.Equal(0, await second.StopAsync());
        }
    });
}
