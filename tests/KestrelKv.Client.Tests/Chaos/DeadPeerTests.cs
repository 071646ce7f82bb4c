using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>A network that loses packets silently, between two network namespaces.</summary>
public sealed class DeadPeerTests(ITestOutputHelper output)
{
    private static readonly string[] Settings = ["Wire:ProtectedMode=false"];

    /// <summary>Without detection, Linux retransmits for about 15 minutes, and an idle watch waits forever.</summary>
    [NetworkNamespaceFact]
    public async Task SilentServer_IsNoticedByCallsAndWatches()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        await using RestartableServer server = await RestartableServer.StartAsync(network, Settings);
        await using var client = new KestrelKvClient(Options(network, server));
        await client.PutAsync("k", 1);
        await client.GetAsync<int>("k");
        using var stop = new CancellationTokenSource(Wait.Patience);
        await using IAsyncEnumerator<WatchEvent<int>> watch =
            client.WatchAsync<int>("", new WatchOptions { FromVersion = 1 }, stop.Token).GetAsyncEnumerator(stop.Token);
        Assert.True(await watch.MoveNextAsync());

        await network.DropPacketsAsync();
        OutcomeUnknownException broken = await Assert.ThrowsAsync<OutcomeUnknownException>(
            async () => await client.IncrementAsync("n", 1, new WriteOptions { Retry = WriteRetry.AtMostOnce }));
        Assert.False(broken.IsTimeout, broken.Message);

        // These wait for a new connection.
        Task<IncrementResult<long>>[] increments = [.. Enumerable.Range(0, 20).Select(_ => client.IncrementAsync("n").AsTask())];
        Task<Entry<int>> read = client.GetAsync<int>("k").AsTask();
        NotSentException late = await Assert.ThrowsAsync<NotSentException>(
            async () => await client.PutAsync("k", 2, new WriteOptions { Timeout = TimeSpan.FromMilliseconds(200) }));
        Assert.True(late.IsTimeout, late.Message);

        // The machine restarts: its system forgets the connections, and no packet informs the clients. An idle watch sends nothing that the new
        // system could refuse.
        await network.RunAsync("sh", "-c", "echo 1 > /proc/sys/net/ipv4/tcp_orphan_retries");
        await server.KillAsync();
        await Wait.UntilAsync(
            async () => (await network.RunAsync("ss", "-Htan", $"sport = :{server.Port}")).Length == 0, () => "connections of the server remain");
        await server.StartAsync();
        await network.DeliverPacketsAsync();
        await Task.WhenAll(increments).WaitAsync(Wait.Patience);
        Assert.Equal(1, (await read).Value);
        long stored = (await client.GetAsync<long>("n")).Value;
        Assert.InRange(stored, 20, 21);
        WatchEvent<int> last = default;
        for (int i = 0; i < stored; i++)
        {
            Assert.True(await watch.MoveNextAsync());
            Assert.True(watch.Current.Version > last.Version);
            last = watch.Current;
            Assert.Equal(i + 1, last.Value);
        }
    }

    /// <summary>Packets are lost, or all are lost for a fifth of the time if the kernel cannot drop single ones.</summary>
    [NetworkNamespaceFact]
    public Task LossyNetwork_FailsNoCallAndRepeatsNone() => Seeds.RunAsync(async random =>
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        await using RestartableServer server = await RestartableServer.StartAsync(network, Settings);
        await using var client = new KestrelKvClient(Options(network, server));
        bool hasNetem = await network.TryImpairAsync(TimeSpan.FromMilliseconds(100), 20);
        output.WriteLine(hasNetem ? "netem" : "the kernel lacks netem");
        var load = new Load(client, "", random);
        load.Begin(20);
        foreach (long _ in SoakTime.Steps())
        {
            if (!hasNetem)
            {
                await network.DropPacketsAsync();
                await Task.Delay(random.Next(100));
                await network.DeliverPacketsAsync();
            }
            await Task.Delay(random.Next(400));
        }
        await load.AwaitCallsAsync(20);
        await load.EndAsync();
        output.WriteLine($"{load.Calls} calls");
        await load.CheckAsync(client);
    });

    private static KestrelKvClientOptions Options(NetworkNamespace network, RestartableServer server)
    {
        KestrelKvClientOptions options = server.Options();
        options.Host = network.PeerAddress;
        options.StallTimeout = TimeSpan.FromSeconds(2);
        options.ConnectTimeout = TimeSpan.FromSeconds(2);
        options.ProgressInterval = TimeSpan.FromSeconds(1);
        return options;
    }
}
