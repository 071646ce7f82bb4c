using System.Globalization;
using KestrelKv.Testing;
using KestrelKv.Testing.Histories;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>
/// Histories of several clients, whose connections are cut, delayed and stalled, and whose server is killed. With all retries, they are those
/// of a server that executes one call at a time, each at most once.
/// </summary>
public sealed class LinearizabilityTests(ITestOutputHelper output)
{
    private const int Clients = 3;
    private const int Histories = 10;
    private const int CallersEach = 5;
    private const int CallsEach = 5;

    private int _histories;
    private int _unknown;
    private int _overlapping;

    [Fact]
    public Task Calls_OverAFaultyNetworkAndAcrossKills_AreLinearizable() => Seeds.RunAsync(async random =>
    {
        await using RestartableServer server = await RestartableServer.StartAsync();
        FaultyProxy[] proxies = [.. Enumerable.Range(0, Clients).Select(_ => new FaultyProxy(server.Port, random))];
        KestrelKvClient[] clients = [.. proxies.Select(proxy => new KestrelKvClient(OptionsFor(proxy)))];
        for (int round = SoakTime.Count(5, 100); round > 0; round--)
        {
            Task[] running = [.. Enumerable.Range(0, Histories).Select(_ => random.Next()).Select(seed => Task.Run(() => RunAsync(clients, new Random(seed))))];
            await Task.Delay(random.Next(400));
            if (random.Next(3) > 0) await server.RestartAsync();
            await Task.WhenAll(running).WaitAsync(Wait.Patience);
        }
        foreach (KestrelKvClient client in clients)
        {
            await Wait.UntilAsync(() => client.CallsInProgress == 0, () => $"{client.CallsInProgress} calls remain");
            await client.DisposeAsync();
        }
        foreach (FaultyProxy proxy in proxies) await proxy.DisposeAsync();
        output.WriteLine(
            $"{_histories} histories, {_overlapping} overlapping calls, {_unknown} unknown outcomes, {proxies.Sum(proxy => proxy.Faults)} cuts and stalls");
        Assert.True(_overlapping > _histories, "the calls hardly overlapped");
        Assert.True(proxies.Sum(proxy => proxy.Faults) > 0, "the network had no fault");
    });

    private static KestrelKvClientOptions OptionsFor(FaultyProxy proxy)
    {
        KestrelKvClientOptions options = RestartableServer.Options(proxy.Port);
        options.StallTimeout = TimeSpan.FromMilliseconds(300);
        options.ConnectTimeout = TimeSpan.FromMilliseconds(500);
        return options;
    }

    private async Task RunAsync(KestrelKvClient[] clients, Random random)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref _histories)}.");
        var history = new History(name, random.Next(1, 4));
        await Task.WhenAll(Enumerable.Range(0, CallersEach).Select(_ => random.Next()).Select(seed => Task.Run(async () =>
        {
            var choices = new Random(seed);
            foreach (Call call in history.Plan.Calls(choices, CallsEach))
            {
                TimeSpan timeout = choices.Next(10) == 0 ? TimeSpan.FromMilliseconds(choices.Next(1, 100)) : Wait.Patience;
                KestrelKvClient client = clients[choices.Next(clients.Length)];
                if (!await ClientHistory.CallAsync(client, history, name, call, timeout)) Interlocked.Increment(ref _unknown);
            }
        })));
        Interlocked.Add(ref _overlapping, history.CountOverlapping());
        history.Check();
    }
}
