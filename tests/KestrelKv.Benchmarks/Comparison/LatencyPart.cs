using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>
/// Latency of servers that are not at their limit, open loop: at half of what each can take, and at what is half of it for
/// the slowest of them.
/// </summary>
internal static class LatencyPart
{
    private const int InFlight = 16;
    private const double WarmUpSeconds = 1;

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        LoadOptions clients = options.ClientsFor(options.ValueBytes[0]) with { InFlight = InFlight };
        foreach (DurabilityMode mode in options.Modes)
        {
            await using ServerSet servers = await bench.StartFilledAsync(options.ServersOf(mode), mode, clients);
            Console.WriteLine(
                $"Latency, {mode.ToString().ToLowerInvariant()}: open loop, {InFlight} at a time, {clients.Connections} connections, " +
                $"{clients.Keys:N0} keys, values of {clients.ValueBytes:N0} bytes; " +
                $"medians of {options.Repetitions} times {options.Seconds} s in turns:\n");
            string ratio = $"p99.9, {servers[0].Name} to it";
            const string percentiles = "p50/p99/p99.9 us";
            var table = new Table("", "server", "saturated at", $"at half of that: {percentiles}", ratio, "all at", percentiles, ratio);
            foreach (RequestMix mix in options.Mixes)
                await AddAsync(table, options, servers, mix, clients with { PutPercent = mix.PutPercent });
            Console.WriteLine($"{table}\n");
        }
    }

    private static async Task AddAsync(Table table, ComparisonOptions options, ServerSet servers, RequestMix mix, LoadOptions clients)
    {
        double[] saturated = [.. (await MeasureAsync(options, servers, clients, _ => null)).Select(r => r.PerSecond)];
        double common = saturated.Min() / 2;
        LoadResult[] own = await MeasureAsync(options, servers, clients, index => saturated[index] / 2);
        LoadResult[] same = await MeasureAsync(options, servers, clients, _ => common);
        foreach ((int index, IServer server) in servers.Index())
        {
            table.Add(
                mix.Name, server.Name, $"{saturated[index]:N0}", own[index].Percentiles, Ratio(own, index),
                $"{common:N0}", same[index].Percentiles, Ratio(same, index));
        }
    }

    /// <param name="options">What is measured.</param>
    /// <param name="servers">All of them.</param>
    /// <param name="clients">Of each.</param>
    /// <param name="rateOf">Requests a second of the server with an index; null for as many as it can take.</param>
    private static async Task<LoadResult[]> MeasureAsync(
        ComparisonOptions options, ServerSet servers, LoadOptions clients, Func<int, double?> rateOf)
    {
        (int Index, IServer Server)[] indexed = [.. servers.Index()];
        List<LoadResult>[] results = await ServerBench.InTurnsAsync(indexed, options.Repetitions, async item =>
        {
            using var load = new Load(ServerBench.LoadOf(item.Server, clients));
            Task<LoadResult> RunAsync(double seconds) =>
                rateOf(item.Index) is { } rate ? load.RunPacedAsync(rate, seconds) : load.RunAsync(seconds);
            await RunAsync(WarmUpSeconds);
            LoadResult result = await RunAsync(options.Seconds);
            ServerBench.Progress($"{item.Server.Name}: {result}");
            return result;
        });
        return [.. results.Select(LoadResult.Median)];
    }

    private static string Ratio(LoadResult[] results, int index) => index == 0 ? "" : $"{results[0].P999 / results[index].P999:N2}";
}
