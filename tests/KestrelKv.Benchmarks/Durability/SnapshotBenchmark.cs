using System.Diagnostics;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>
/// Latency at half of the server's saturation, in turns without a snapshot and with snapshots taken back to back (BGSAVE in Redis). Only
/// rounds that overlap a snapshot count.
/// </summary>
internal static class SnapshotBenchmark
{
    public static async Task RunAsync(ServerBench bench, DurabilityOptions options)
    {
        Console.WriteLine(
            $"Writes of {options.Keys:N0} keys at 50 % of saturation, {options.Connections} connections, " +
            $"{options.SnapshotInFlight} in flight, open loop; " +
            $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");
        var table = new Table("mode", "", "writes/s", "p50/p99/p99.9 us", "during a snapshot", "ratio of p99.9", "seconds per snapshot");
        foreach (DurabilityMode mode in options.Modes)
        {
            foreach (ServerKind kind in options.Servers)
            {
                using TemporaryDirectory directory = bench.CreateDirectory();
                await using IServer server = await bench.StartFilledAsync(kind, mode, directory, options.Clients);
                table.Add([mode.ToString().ToLowerInvariant(), kind.Name, .. await MeasureAsync(options, (ISnapshotServer)server)]);
            }
        }
        Console.WriteLine(table);
    }

    private static async Task<string[]> MeasureAsync(DurabilityOptions options, ISnapshotServer server)
    {
        LoadOptions clients = ServerBench.LoadOf(server, options.Clients) with { InFlight = options.SnapshotInFlight };
        using var load = new Load(clients);
        await load.RunAsync(options.Seconds);
        double perSecond = (await load.RunAsync(options.Seconds)).PerSecond / 2;

        await load.RunPacedAsync(perSecond, 1);
        List<LoadResult> without = [], during = [];
        var snapshotSeconds = new List<double>();
        for (int i = 0; i < options.Repetitions; i++)
        {
            without.Add(await load.RunPacedAsync(perSecond, options.Seconds));
            (LoadResult result, IEnumerable<double> seconds) = await MeasureDuringAsync(load, server, perSecond, options.Seconds);
            during.Add(result);
            snapshotSeconds.AddRange(seconds);
            ServerBench.Progress($"without: {without[^1]}; during {seconds.Count()} snapshots: {result}");
        }
        (LoadResult a, LoadResult b) = (LoadResult.Median(without), LoadResult.Median(during));
        return [$"{perSecond:N0}", a.Percentiles, b.Percentiles, $"{b.P999 / a.P999:N2}", $"{snapshotSeconds.Median(s => s):N2}"];
    }

    private static async Task<(LoadResult Result, IEnumerable<double> SnapshotSeconds)> MeasureDuringAsync(
        Load clients, ISnapshotServer server, double perSecond, double seconds)
    {
        Task<IReadOnlyList<(long Due, long Answered)>> load = clients.RunPacedRoundsAsync(perSecond, seconds);
        var snapshots = new List<(long Start, long End)>();
        while (!load.IsCompleted)
        {
            long start = Stopwatch.GetTimestamp();
            await server.SnapshotAsync();
            snapshots.Add((start, Stopwatch.GetTimestamp()));
        }
        var latencies = new LatencyHistogram();
        foreach ((long due, long answered) in await load)
            if (snapshots.Exists(s => due < s.End && answered > s.Start)) latencies.Add(due, answered, requests: 1);
        return (LoadResult.Of(latencies, seconds), snapshots.Select(s => (s.End - s.Start) / (double)Stopwatch.Frequency));
    }
}
