using System.Globalization;
using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Durability;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>Clients that connect, make one call and close.</summary>
[Collection(Scale.Name)]
public sealed partial class OneCallTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;

    /// <summary>The maximum number of system calls per connection with one call, on the threads of the loops.</summary>
    private static readonly Dictionary<string, int> CallsMax = new()
    {
        ["epoll_ctl"] = 1, ["recvfrom"] = 2, ["sendto"] = 1, ["close"] = 1, ["epoll_wait"] = 4,
    };

    /// <remarks>With several loops the kernel may wake two for one connection. One of them then accepts nothing.</remarks>
    [StraceTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task SystemCalls_OfAConnectionWithOneCall_AreWithinTheLimits(int loopCount)
    {
        const int Connections = 500;

        // The runtime reads a file occasionally, and the last connection of the warm-up may close late.
        const int OfTheRuntime = 5;
        await using ServerProcess server = await ServerProcess.StartAsync(
            environment: new Dictionary<string, string> { ["DOTNET_PROCESSOR_COUNT"] = loopCount.ToString(CultureInfo.InvariantCulture) });
        await CallAsync(server.WirePort, 200);
        HashSet<string> loops = [.. Directory.GetDirectories($"/proc/{server.Id}/task")
            .Where(task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith("connections ", StringComparison.Ordinal))
            .Select(task => Path.GetFileName(task))];
        Assert.Equal(loopCount, loops.Count);
        await using Strace strace = await Strace.AttachAsync(server, "-e", "trace=all");
        await CallAsync(server.WirePort, Connections);
        Dictionary<string, int> calls = (await strace.StopAsync())
            .Select(line => Begun().Match(line))
            .Where(call => call.Success && loops.Contains(call.Groups["thread"].Value))
            .GroupBy(call => call.Groups["name"].Value)
            .ToDictionary(group => group.Key, group => group.Count());
        string all = string.Join(", ", calls.OrderByDescending(call => call.Value)
            .Select(call => string.Create(CultureInfo.InvariantCulture, $"{(double)call.Value / Connections:F2} {call.Key}")));
        output.WriteLine($"system calls per connection: {all}");

        Assert.All(
            CallsMax,
            call =>
                Assert.True(calls.GetValueOrDefault(call.Key) <= (call.Value * Connections) + OfTheRuntime, $"too many {call.Key}: {all}"));
        Assert.True(calls["accept4"] <= (loopCount * Connections) + OfTheRuntime, $"too many accept4: {all}");
        Assert.All(
            (string[])["shutdown", "setsockopt", "getsockopt", "getsockname", "ioctl", "fcntl"],
            name => Assert.DoesNotContain(name, calls.Keys));
    }

    [Fact]
    public async Task Connections_InSequenceAnd1000AtATime_LeakNothing()
    {
        const int AtATime = 1_000;
        await using ServerProcess server = await ServerProcess.StartAsync();
        await ChurnAsync(1_000, 1);
        (int files, long resident) = (Files(server), server.ResidentBytes());
        await ChurnAsync(SoakTime.Count(5_000, 100_000), SoakTime.Count(3, 20));
        await Wait.UntilAsync(() => Files(server) <= files, () => $"{Files(server)} files are open, {files} before");
        await Wait.UntilAsync(
            () =>
                server.ResidentBytes() <= resident + 30 * MiB, () =>
                    $"{server.ResidentBytes() / MiB} MiB resident, {resident / MiB} before");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{files} files, {resident / MiB} MiB before; {Files(server)} files, {server.ResidentBytes() / MiB} MiB after"));

        Scrape scrape = await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        double accepted = scrape.Sum("kestrelkv_wire_connections_accepted_total");
        Assert.Equal(accepted, scrape.Sum("kestrelkv_wire_connections_closed_total"));
        Assert.Equal(accepted, scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "client")));
        Assert.Equal(1_000 + SoakTime.Count(5_000, 100_000) + (AtATime * (1 + SoakTime.Count(3, 20))), accepted);
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();

        async Task ChurnAsync(int sequential, int rounds)
        {
            await CallAsync(server.WirePort, sequential);
            for (int round = 0; round < rounds; round++)
            {
                WireClient[] clients = await Task.WhenAll(
                    Enumerable.Range(0, AtATime).Select(_ => WireClient.ConnectAsync(server.WirePort)));
                await Task.WhenAll(clients.Select(DefaultServer.AssertServesAsync));
                foreach (WireClient client in clients) client.Dispose();
            }
            await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        }
    }

    [Theory]
    [InlineData("EverySec")]
    [InlineData("Always")]
    public async Task OldClient_ManyCalls_GetsEveryReplyWithoutAReset(string durability)
    {
        int calls = SoakTime.Count(2_000, 10_000) / 2;
        await using ServerProcess server = await ServerProcess.StartAsync([$"Data:Durability={durability}"]);
        Assert.Equal($"{calls} calls", (await Python.RunAsync("old_client.py", server.WirePort, calls)).Trim());
        Scrape scrape = await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);
        Assert.Equal(calls, scrape.Sum("kestrelkv_wire_connections_accepted_total"));
        Assert.Equal(calls, scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "client")));
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
    }

    private static async Task CallAsync(int port, int connections)
    {
        for (int i = 0; i < connections; i++) await DefaultServer.AssertServesAsync(port);
    }

    private static int Files(ServerProcess server) => Directory.GetFileSystemEntries($"/proc/{server.Id}/fd").Length;

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\(")]
    private static partial Regex Begun();
}
