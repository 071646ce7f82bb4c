using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>Several servers that begin with one directory at the same moment.</summary>
public sealed class FirstStartTests
{
    [Fact]
    public async Task Start_OfThreeServersAtOnceOnOneEmptyDirectory_LetsOneServeAndKeepsItsData()
    {
        using var data = new DataDirectory();
        Task<ServerProcess>[] starts = [.. Enumerable.Range(0, 3).Select(_ => ServerProcess.StartAsync(data: data))];
        await Wait.UntilAsync(() => starts.All(start => start.IsCompleted), () => "neither served nor refused");

        ServerProcess server = await Assert.Single(starts, start => start.IsCompletedSuccessfully);
        await using (server)
        {
            foreach (Task<ServerProcess> start in starts.Where(start => start.IsFaulted))
            {
                // Which process it is need not be told yet in the moment after it has taken the directory.
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
