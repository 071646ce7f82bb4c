using System.Diagnostics;
using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>Requests per second of servers at saturation.</summary>
internal static class ThroughputPart
{
    private const double WarmUpSeconds = 2;

    /// <summary>The pause between servers: data that one still has to write must not slow down the next.</summary>
    private static readonly TimeSpan DiskPause = TimeSpan.FromSeconds(1.2);

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        foreach (DurabilityMode mode in options.Modes)
        {
            foreach (int valueBytes in options.ValueBytes)
            {
                LoadOptions clients = options.ClientsFor(valueBytes);
                await using ServerSet servers = await bench.StartFilledAsync(options.ServersOf(mode), mode, clients);
                foreach (KeyDistribution distribution in options.Distributions)
                    await RunAsync(bench, options, mode, servers, clients with { Distribution = distribution });
            }
        }
    }

    private static async Task RunAsync(
        ServerBench bench, ComparisonOptions options, DurabilityMode mode, ServerSet servers, LoadOptions clients)
    {
        string modeName = mode.ToString().ToLowerInvariant(), distribution = clients.Distribution.ToString().ToLowerInvariant();
        Console.WriteLine(
            $"Throughput, {modeName}: {clients.Keys:N0} keys of {LoadData.KeyBytes} bytes ({distribution}), " +
            $"values of {clients.ValueBytes:N0} bytes; medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");
        bool onDisk = mode != DurabilityMode.Memory;
        string[] diskTitle = onDisk ? ["disk flushes/s"] : [];
        var table = new Table([
            "", "connections", "in flight", "server", "requests/s", $"{servers[0].Name} / server", "p50/p99/p99.9 us", "server us/request",
            "resident MiB", .. diskTitle,
        ]);
        foreach (RequestMix mix in options.Mixes)
        {
            foreach (int connections in options.Connections)
            {
                foreach (int inFlight in options.InFlight)
                {
                    LoadOptions load = clients with { Connections = connections, InFlight = inFlight, PutPercent = mix.PutPercent };
                    ServerBench.Progress($"{mix.Name}, {connections} connections, {inFlight} in flight");
                    ThroughputResult[] results = await MeasureAsync(bench, options, servers, load, onDisk);
                    foreach ((int index, ThroughputResult r) in results.Index())
                    {
                        string ratio = index == 0 ? "" : $"{results[0].Load.PerSecond / r.Load.PerSecond:N2}";
                        string[] disk = onDisk ? [$"{r.FlushesPerSecond:N0}"] : [];
                        table.Add([
                            mix.Name, $"{connections:N0}", $"{inFlight}", servers[index].Name,
                            $"{r.Load.PerSecond:N0}", ratio, r.Load.Percentiles,
                            $"{r.ServerMicroseconds:N2}", $"{r.ResidentBytes / (1 << 20):N0}", .. disk,
                        ]);
                    }
                }
            }
        }
        Console.WriteLine($"{table}\n");
    }

    private static async Task<ThroughputResult[]> MeasureAsync(
        ServerBench bench, ComparisonOptions options, ServerSet servers, LoadOptions load, bool onDisk)
    {
        foreach (IServer server in servers) await TryMeasureAsync(bench, server, load, WarmUpSeconds);
        List<ThroughputResult>[] results = await ServerBench.InTurnsAsync(servers, options.Repetitions, async server =>
        {
            if (onDisk) await Task.Delay(DiskPause);
            ThroughputResult result = await TryMeasureAsync(bench, server, load, options.Seconds);
            ServerBench.Progress($"{server.Name}: {result.Load}");
            return result;
        });
        return [.. results.Select(ThroughputResult.Median)];
    }

    /// <returns>
    /// <see cref="ThroughputResult.None"/> if the server closes a connection, sends a wrong reply, or stops replying; the other servers
    /// are still measured.
    /// </returns>
    private static async Task<ThroughputResult> TryMeasureAsync(ServerBench bench, IServer server, LoadOptions load, double seconds)
    {
        try
        {
            return await MeasureAsync(bench, server, load, seconds);
        }
        catch (Exception e) when (e is SocketException or InvalidDataException or TimeoutException)
        {
            ServerBench.Progress($"{server.Name} failed: {e.Message}");
            return ThroughputResult.None;
        }
    }

    private static async Task<ThroughputResult> MeasureAsync(ServerBench bench, IServer server, LoadOptions options, double seconds)
    {
        using var load = new Load(ServerBench.LoadOf(server, options));
        TimeSpan processor = server.Program.ProcessorTime;
        long? flushes = DiskFlushes.Count(bench.Directory);
        long start = Stopwatch.GetTimestamp();
        LoadResult result = await load.RunAsync(seconds);
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new ThroughputResult(
            result,
            (server.Program.ProcessorTime - processor).TotalMicroseconds / result.Requests,
            server.Program.ResidentBytes,
            (DiskFlushes.Count(bench.Directory) - flushes) / elapsed ?? double.NaN);
    }
}
