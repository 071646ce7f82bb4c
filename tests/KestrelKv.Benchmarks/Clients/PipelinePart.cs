using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>
/// One caller that starts many calls, then awaits all, next to the generator with as many requests in flight on one connection: what a
/// client costs beyond the protocol.
/// </summary>
internal static class PipelinePart
{
    public static async Task RunAsync(ClientServers servers, ClientOptions options, LoadOptions load)
    {
        await using ClientSet clients = await ClientSet.StartAsync(servers, options.Clients, options, options.ValueBytes);
        Console.WriteLine(
            $"One caller that starts calls, then awaits all: {options.Keys:N0} keys, values of {options.ValueBytes:N0} bytes:\n");
        var table = new Table(
            "", "in flight", "client", "calls/s", $"client / {ClientKind.StackExchangeRedis.Name}", "client / generator",
            "allocated bytes/call", "client us/call", "server us/call");
        foreach (CallGroup group in (CallGroup[])[CallGroup.Get, CallGroup.Put])
        {
            foreach (int inFlight in options.InFlight)
            {
                LoadOptions generated = load with { InFlight = inFlight, PutPercent = group.IsWrite ? 100 : 0 };
                List<Contestant> contestants =
                [
                    .. clients.ContestantsOf(group, new ClientTask(ClientLoad.Rounds, inFlight)),
                    .. servers.Loadable.Select(server => Generator(server, generated)),
                ];
                ClientResult[] results = await Contestant.MeasureAsync(contestants, options);
                foreach ((int index, ClientResult r) in results.Index())
                {
                    bool isClient = contestants[index].Client is not null;
                    int generator = contestants.FindIndex(other => other.Client is null && other.Server == contestants[index].Server);
                    table.Add(
                        group.Name, $"{inFlight:N0}", contestants[index].Label, $"{r.PerSecond:N0}",
                        Contestant.Ratio(contestants, results, index, result => result.PerSecond),
                        isClient && generator >= 0 ? $"{r.PerSecond / results[generator].PerSecond:N2}" : "",
                        isClient ? $"{r.AllocatedBytes:N0}" : "", $"{r.ClientMicroseconds:N2}", $"{r.ServerMicroseconds:N2}");
                }
            }
        }
        Console.WriteLine($"{table}\n");
    }

    private static Contestant Generator(ClientServer server, LoadOptions options) => new(
        $"generator, {server.Name}", Client: null, server, async seconds =>
        {
            using var load = new Load(ServerBench.LoadOf(server.Loadable!, options));
            ResourceUse use = ResourceUse.Begin();
            return use.End((await load.RunAsync(seconds)).Requests);
        });
}
