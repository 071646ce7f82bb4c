using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A server killed at any moment has all acknowledged and visible writes after a restart.</summary>
public sealed class KillTests
{
    /// <summary>Small segments, so that every round fills several.</summary>
    private static readonly string[] SmallFiles = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=4194304"];

    /// <summary>10 rounds for the default duration of random tests, and proportionally more for longer durations.</summary>
    private static readonly int Rounds = Math.Clamp((int)(10 * SoakTime.Duration.TotalSeconds / 6), 5, 100);

    [Fact]
    public Task Kill_RepeatedUnderLoad_LosesNoReportedWrite() => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        for (int round = 0; round < Rounds; round++)
        {
            if (round > 0 && random.Next(3) == 0)
                await ServerProcess.KillWhileStartingAsync(TimeSpan.FromMilliseconds(random.Next(100)), SmallFiles, data);

            await using ServerProcess server = await ServerProcess.StartAsync(SmallFiles, data: data);
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            await Task.Delay(random.Next(300));
            Task snapshot = random.Next(2) == 0 ? server.TryTakeSnapshotAsync() : Task.CompletedTask;
            await Task.Delay(random.Next(300));
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
            await witness.EndedAsync();
            await snapshot;
        }

        await using ServerProcess last = await ServerProcess.StartAsync(SmallFiles, data: data);
        await witness.CheckAsync(last);
        Assert.Equal(0, await last.StopAsync());
    });

    [Fact]
    public Task Stop_UnderLoad_LosesNoReportedWrite() => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        foreach (string mode in (string[])["Data:Durability=Always", "Data:Durability=EverySec", "Data:Durability=None"])
        {
            await using ServerProcess server = await ServerProcess.StartAsync(
                [.. SmallFiles, mode, "Data:SnapshotOnStop=false"], data: data);
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            await Task.Delay(random.Next(300));
            Assert.Equal(0, await server.StopAsync());
            await witness.EndedAsync();
            server.AssertNoComplaint();
        }
        await using ServerProcess last = await ServerProcess.StartAsync(SmallFiles, data: data);
        await witness.CheckAsync(last);
    });

    /// <summary>Checks the witness itself: it must detect a server that was set back to an earlier state.</summary>
    [Fact]
    public async Task Check_OfAServerInAnEarlierState_Fails()
    {
        using var data = new DataDirectory();
        using var old = new DataDirectory();
        await using var witness = new Witness(1);
        for (int round = 0; round < 2; round++)
        {
            if (round == 1)
                foreach (string file in data.Files) File.Copy(data.PathTo(file), old.PathTo(file));
            await using ServerProcess server = await ServerProcess.StartAsync(SmallFiles, data: data);
            await witness.CheckAsync(server);
            await witness.LoadAsync(server);
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
            await witness.EndedAsync();
        }

        await using ServerProcess earlier = await ServerProcess.StartAsync(SmallFiles, data: old);
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => witness.CheckAsync(earlier));
        Assert.Contains("was acknowledged or shown", failure.Message, StringComparison.Ordinal);
    }
}
