using System.Diagnostics;
using KestrelKv.Benchmarks.Comparison;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>
/// The effect of other work on ordinary clients of KestrelKv: latency at a moderate open-loop load, alone and together with each
/// <see cref="Interferer"/>.
/// </summary>
internal static class InterferencePart
{
    private const int Connections = 49;
    private const int InFlight = 16;

    /// <summary>The divisor of the saturation rate: the ordinary clients leave room for others.</summary>
    private const int Moderation = 4;

    private const double WarmUpSeconds = 0.5;

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        // Snapshots require a disk.
        DurabilityMode mode = options.Modes.FirstOrDefault(mode => mode != DurabilityMode.Memory, DurabilityMode.EverySec);
        LoadOptions clients = options.ClientsFor(options.ValueBytes[0]) with
        {
            Connections = Connections, InFlight = InFlight, PutPercent = RequestMix.Mixed.PutPercent,
        };
        await using ServerSet servers = await bench.StartFilledAsync([KestrelKvServer.Kind], mode, clients);
        var server = (KestrelKvServer)servers[0];
        double perSecond = await SaturatedAsync(options, server, clients) / Moderation;
        Console.WriteLine(
            $"Interference, {mode.ToString().ToLowerInvariant()}: latency of {Connections} clients ({RequestMix.Mixed.Name}, " +
            $"{InFlight} in flight, open loop at {perSecond:N0}/s, {1.0 / Moderation:P0} of saturation), " +
            $"{clients.Keys:N0} keys, values of {clients.ValueBytes:N0} bytes; " +
            $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");

        List<Measurement>[] results = await ServerBench.InTurnsAsync(
            Interferer.All, options.Repetitions, interferer => MeasureAsync(server, interferer, clients, perSecond, options.Seconds));
        var table = new Table("interference", "interfering work/s", "requests/s", "p50/p99/p99.9 us", "p99.9 / p99.9 alone");
        double alone = results[0].Median(r => r.Load.P999);
        foreach ((int index, Interferer interferer) in Interferer.All.Index())
        {
            LoadResult load = LoadResult.Median([.. results[index].Select(r => r.Load)]);
            double work = results[index].Median(r => r.DonePerSecond);
            string unitsPerSecond = interferer.Unit.Length == 0 ? "" : $"{work.ToString(work < 10 ? "N1" : "N0")} {interferer.Unit}";
            table.Add(interferer.Name, unitsPerSecond, $"{load.PerSecond:N0}", load.Percentiles, $"{load.P999 / alone:N2}");
        }
        Console.WriteLine($"{table}\n");
    }

    private static async Task<double> SaturatedAsync(ComparisonOptions options, KestrelKvServer server, LoadOptions clients)
    {
        using var load = new Load(ServerBench.LoadOf(server, clients));
        await load.RunAsync(options.Seconds);
        return (await load.RunAsync(options.Seconds)).PerSecond;
    }

    private static async Task<Measurement> MeasureAsync(
        KestrelKvServer server, Interferer interferer, LoadOptions clients, double perSecond, double seconds)
    {
        using var load = new Load(ServerBench.LoadOf(server, clients));
        using IInterference interference = await interferer.StartAsync(server, clients);
        await load.RunPacedAsync(perSecond, WarmUpSeconds);
        long done = interference.Done, start = Stopwatch.GetTimestamp();
        LoadResult result = await load.RunPacedAsync(perSecond, seconds);
        double donePerSecond = (interference.Done - done) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        ServerBench.Progress($"beside {interferer.Name} ({donePerSecond:N0}/s): {result}");
        return new Measurement(result, donePerSecond);
    }

    private sealed record Measurement(LoadResult Load, double DonePerSecond);
}
