using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>Several servers that start on one directory at the same time.</summary>
public sealed class FirstStartTests
{
    [Fact]
    public async Task Start_OfThreeServersOnOneEmptyDirectory_AdmitsOneAndKeepsItsData()
    {
        using var data = new DataDirectory();
        Task<ServerProcess>[] starts = [.. Enumerable.Range(0, 3).Select(_ => ServerProcess.StartAsync(data: data))];
        await Wait.UntilAsync(() => starts.All(start => start.IsCompleted), () => "neither served nor refused");

        ServerProcess server = await Assert.Single(starts, start => start.IsCompletedSuccessfully);
        await using (server)
        {
            foreach (Task<ServerProcess> start in starts.Where(start => start.IsFaulted))
            {
                // Shortly after another server has locked the directory, its process id may not be known yet.
                Assert.Contains("is in use by ", start.Exception!.ToString(), StringComparison.Ordinal);
            }

            using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
            Assert.Equal(Frames.PutReply("a"), await wire.CallAsync(Frames.Put("a", "1")));
            server.SendSignal("KILL");
            await server.WaitForExitAsync();
        }
        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        using WireClient reader = await WireClient.ConnectAsync(second.WirePort);
        Assert.Equal(Frames.GetReply("a", "1"), await reader.CallAsync(Frames.Get("a")));
    }
}
