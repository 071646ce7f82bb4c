using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Data;

/// <summary>A server started on an existing data directory has the same data and versions.</summary>
public sealed class RestartTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("TERM", "Data:SnapshotOnStop=false")]
    [InlineData("TERM", "Data:Durability=EverySec")]
    [InlineData("TERM", "Data:Durability=None", "Data:SnapshotOnStop=false")]
    [InlineData("INT")]
    [InlineData("KILL")]
    public async Task Restart_AfterAStopOrKill_HasEveryKeyAndVersion(string end, params string[] settings)
    {
        using var data = new DataDirectory();
        string before;
        await using (ServerProcess first = await ServerProcess.StartAsync(settings, data: data))
        {
            await Contents.FillAsync(first, "a", 20);
            before = await Contents.OfAsync(first);
            first.SendSignal(end);
            await first.WaitForExitAsync();
            first.AssertNoComplaint();
        }

        await using ServerProcess second = await ServerProcess.StartAsync(settings, data: data);
        Assert.Equal(before, await Contents.OfAsync(second));
        long start = await Contents.VersionAsync(second);
        Assert.InRange(start, 23, long.MaxValue);

        // Versions continue from there.
        using WireClient client = await WireClient.ConnectAsync(second.WirePort);
        Assert.Equal(Frames.PutReply("new"), await client.CallAsync(Frames.Put("new", "1")));
        Assert.Equal(start + 1, await Contents.VersionAsync(second));
        second.AssertNoComplaint();
    }

    [Fact]
    public async Task Stop_ByDefault_TakesASnapshotThatTheNextStartLoads()
    {
        using var data = new DataDirectory();
        await using (ServerProcess first = await ServerProcess.StartAsync(data: data))
        {
            Assert.Equal(JsonValueKind.Null, (await Contents.StatAsync(first, "last_snapshot_version")).ValueKind);
            await Contents.FillAsync(first, "a", 5);
            Assert.Equal(0, await first.StopAsync());
        }

        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        Assert.Equal(7, (await Contents.StatAsync(second, "last_snapshot_version")).GetInt64());
        Assert.Equal(await Contents.VersionAsync(second), (await Contents.StatAsync(second, "durable_version")).GetInt64());
        Assert.Equal("always", (await Contents.StatAsync(second, "durability")).GetString());
        Assert.Equal("ok", (await Contents.StatAsync(second, "disk")).GetString());
    }

    [Fact]
    public async Task Stop_WithoutTimeForASnapshot_SkipsItAndLosesNothing()
    {
        using var data = new DataDirectory();
        string before;
        await using (ServerProcess first = await ServerProcess.StartAsync(["StopTimeout=00:00:00"], data: data))
        {
            await Contents.FillAsync(first, "a", 5);
            before = await Contents.OfAsync(first);
            Assert.Equal(0, await first.StopAsync());
            Assert.Contains("WRN The snapshot at the stop was canceled", first.Log, StringComparison.Ordinal);
        }
        await using ServerProcess second = await ServerProcess.StartAsync(data: data);
        Assert.Equal(before, await Contents.OfAsync(second));
    }

    [Fact]
    public async Task Restart_AfterAKillUnderLoad_HasAllAcknowledgedWrites()
    {
        const int Clients = 20;
        using var data = new DataDirectory();
        var acknowledged = new ConcurrentDictionary<int, int>();
        for (int round = 0; round < 3; round++)
        {
            await using ServerProcess server = await ServerProcess.StartAsync(data: data);
            foreach ((int client, int last) in acknowledged) await AssertKeptAsync(server, client, last);

            Task[] clients = [.. Enumerable.Range(0, Clients).Select(client => PutUntilDisconnectedAsync(server.WirePort, client))];
            int before = acknowledged.Values.Sum();
            await Wait.UntilAsync(() => acknowledged.Values.Sum() > before + 1_000, () => "no writes");
            server.SendSignal("KILL");
            await Task.WhenAll(clients);
        }

        async Task PutUntilDisconnectedAsync(int port, int client)
        {
            try
            {
                using WireClient wire = await WireClient.ConnectAsync(port);
                for (int i = acknowledged.GetValueOrDefault(client) + 1; ; i++)
                {
                    await wire.CallAsync(Frames.Put($"client {client}", i.ToString(CultureInfo.InvariantCulture)));
                    acknowledged[client] = i;
                }
            }
            catch (IOException)
            {
                // The connection is lost, with one write in an unknown state.
            }
        }
    }

    [Fact]
    public async Task Start_OnTheDirectoryOfARunningServer_IsRefusedWithItsProcessId()
    {
        using var data = new DataDirectory();
        await using ServerProcess first = await ServerProcess.StartAsync(data: data);
        await Contents.FillAsync(first, "a", 3);

        (int exitCode, string output) = await ServerProcess.RunToEndAsync([], data);
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.TrimEnd().Split('\n'));
        Assert.StartsWith("kestrelkv: ", line, StringComparison.Ordinal);
        Assert.Contains(data.FullPath, line, StringComparison.Ordinal);
        Assert.Contains($"process {first.Id}", line, StringComparison.Ordinal);

        await DefaultServer.AssertServesAsync(first.WirePort);
        Assert.Equal(0, await first.StopAsync());
        first.AssertNoComplaint();
    }

    [Fact]
    public async Task Start_OnADirectoryThatCannotBeCreated_FailsWithOneLine()
    {
        using var data = new DataDirectory();
        await File.WriteAllTextAsync(data.PathTo("file"), "");
        (int exitCode, string output) = await ServerProcess.RunToEndAsync([$"Data:Directory={data.PathTo("file")}/data"]);
        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.TrimEnd().Split('\n'));
        Assert.StartsWith($"kestrelkv: the data directory {data.PathTo("file")}/data cannot be used: ", line, StringComparison.Ordinal);
    }

    private static async Task AssertKeptAsync(ServerProcess server, int client, int last)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string reply = await wire.CallAsync(Frames.Get($"client {client}"));

        // The write in flight at the kill may have been committed as well.
        Assert.Contains(
            reply, (string[])[Frames.GetReply($"client {client}", $"{last}"), Frames.GetReply($"client {client}", $"{last + 1}")]);
    }
}
