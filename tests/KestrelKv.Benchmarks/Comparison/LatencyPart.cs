using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>
/// Open-loop latency below saturation: at half of each server's own saturation, and at half of that of the slowest server.
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
                $"Latency, {mode.ToString().ToLowerInvariant()}: open loop, {InFlight} in flight, {clients.Connections} connections, " +
                $"{clients.Keys:N0} keys, values of {clients.ValueBytes:N0} bytes; " +
                $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");
            string ratio = $"p99.9, {servers[0].Name} / server";
            const string percentiles = "p50/p99/p99.9 us";
            var table = new Table(
                "", "server", "saturation, requests/s", $"at 50 %: {percentiles}", ratio, "common rate, requests/s", percentiles, ratio);
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

    /// <summary>
    /// Measures all servers. <paramref name="rateOf"/> returns the requests per second for the server at an index; null for as many as
    /// possible.
    /// </summary>
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
