using System.Diagnostics;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>Writes a second in each mode. The servers are measured in turns, so that a slow moment of the machine hits all.</summary>
internal static class ThroughputBenchmark
{
    private const double WarmUpSeconds = 2;

    /// <summary>What one has left to be written to disk is not to slow down the next.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1.2);

    public static async Task RunAsync(ServerBench bench)
    {
        DurabilityOptions options = bench.Options;
        Console.WriteLine(
            $"Writes of {options.Keys:N0} keys of {LoadData.KeyBytes} bytes, values of {options.ValueBytes} bytes, {options.Connections} connections; " +
            $"medians of {options.Repetitions} times {options.Seconds} s in turns:\n");
        string[] figures = ["writes/s", "p50/p99/p99.9 us", "server us/write", "disk flushes/s"];
        var table = new Table(["mode", "in flight", .. figures.SelectMany(figure => bench.Kinds.Select(kind => $"{kind.Name} {figure}")), "ratio"]);
        foreach (DurabilityMode mode in options.Modes)
        {
            await foreach ((int inFlight, ThroughputResult[] results) in MeasureAsync(bench, mode)) table.Add(Row(mode, inFlight, results));
        }
        Console.WriteLine(table);
    }

    private static async IAsyncEnumerable<(int InFlight, ThroughputResult[] Results)> MeasureAsync(ServerBench bench, DurabilityMode mode)
    {
        await using var servers = new ServerSet();
        foreach (ServerKind kind in bench.Kinds)
        {
            TemporaryDirectory directory = servers.Add(bench.CreateDirectory());
            servers.Add(await bench.StartFilledAsync(kind, mode, directory, bench.Options.Keys));
        }
        foreach (int inFlight in bench.Options.InFlight)
        {
            foreach (IServer server in servers) await MeasureAsync(bench, server, inFlight, WarmUpSeconds);
            List<ThroughputResult>[] results = [.. servers.Select(_ => new List<ThroughputResult>())];
            for (int i = 0; i < bench.Options.Repetitions; i++)
            {
                foreach ((int index, IServer server) in servers.Index())
                {
                    await Task.Delay(Pause);
                    results[index].Add(await MeasureAsync(bench, server, inFlight, bench.Options.Seconds));
                    ServerBench.Progress($"{mode}, {inFlight} in flight, {bench.Kinds[index].Name}: {results[index][^1].Load}");
                }
            }
            yield return (inFlight, [.. results.Select(ThroughputResult.Median)]);
        }
    }

    private static async Task<ThroughputResult> MeasureAsync(ServerBench bench, IServer server, int inFlight, double seconds)
    {
        using var load = new Load(bench.LoadFor(server, inFlight));
        TimeSpan processor = server.Program.ProcessorTime;
        long? flushes = DiskFlushes.Count(bench.Options.Directory);
        long start = Stopwatch.GetTimestamp();
        LoadResult result = await load.RunAsync(seconds);
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new ThroughputResult(
            result,
            (server.Program.ProcessorTime - processor).TotalMicroseconds / (result.PerSecond * elapsed),
            (DiskFlushes.Count(bench.Options.Directory) - flushes) / elapsed ?? double.NaN);
    }

    private static string[] Row(DurabilityMode mode, int inFlight, ThroughputResult[] results) =>
    [
        mode.ToString().ToLowerInvariant(), $"{inFlight}",
        .. results.Select(r => $"{r.Load.PerSecond:N0}"),
        .. results.Select(r => r.Load.Percentiles),
        .. results.Select(r => $"{r.ServerMicroseconds:N2}"),
        .. results.Select(r => $"{r.FlushesPerSecond:N0}"),
        results.Length > 1 ? $"{results[0].Load.PerSecond / results[1].Load.PerSecond:N2}" : "",
    ];
}
