using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A server that is killed at any moment has, when it starts again, all that it has told.</summary>
public sealed class KillTests
{
    /// <summary>Small files, so that every round goes through several.</summary>
    private static readonly string[] SmallFiles = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=4194304"];

    /// <summary>10 rounds in as much time as other random tests have by default; and as many more as these go on for longer.</summary>
    private static readonly int Rounds = Math.Clamp((int)(10 * SoakTime.Duration.TotalSeconds / 6), 10, 100);

    [Fact]
    public Task Kill_UnderLoadAgainAndAgain_LosesNothingThatWasTold() => Seeds.RunAsync(async random =>
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
    public Task Stop_UnderLoad_LosesNothingThatWasTold() => Seeds.RunAsync(async random =>
    {
        using var data = new DataDirectory();
        await using var witness = new Witness(random.Next());
        foreach (string mode in (string[])["Data:Durability=Always", "Data:Durability=EverySec", "Data:Durability=None"])
        {
            await using ServerProcess server = await ServerProcess.StartAsync([.. SmallFiles, mode, "Data:SnapshotOnStop=false"], data: data);
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

    /// <summary>What the witness is worth: it finds out a server that has gone back to what it had some time before.</summary>
    [Fact]
    public async Task Check_OfAServerThatForgot_Fails()
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

        await using ServerProcess forgetful = await ServerProcess.StartAsync(SmallFiles, data: old);
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => witness.CheckAsync(forgetful));
        Assert.Contains("was acknowledged or shown", failure.Message, StringComparison.Ordinal);
    }
}
