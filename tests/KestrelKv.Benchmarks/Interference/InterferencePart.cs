using System.Diagnostics;
using KestrelKv.Benchmarks.Comparison;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>
/// What ordinary clients of KestrelKv feel of others who use it: latency at a moderate load, open loop, alone and beside
/// each of them.
/// </summary>
internal static class InterferencePart
{
    private const int Connections = 49;
    private const int InFlight = 16;

    /// <summary>The part of what saturates it that they ask of the server: there is room for others.</summary>
    private const int Moderation = 4;

    private const double WarmUpSeconds = 0.5;

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        // Without a disk there are no snapshots.
        DurabilityMode mode = options.Modes.FirstOrDefault(mode => mode != DurabilityMode.Memory, DurabilityMode.EverySec);
        LoadOptions clients = options.ClientsFor(options.ValueBytes[0]) with
        {
            Connections = Connections, InFlight = InFlight, PutPercent = RequestMix.Mixed.PutPercent,
        };
        await using ServerSet servers = await bench.StartFilledAsync([KestrelKvServer.Kind], mode, clients);
        var server = (KestrelKvServer)servers[0];
        double perSecond = await SaturatedAsync(options, server, clients) / Moderation;
        Console.WriteLine(
            $"Interference, {mode.ToString().ToLowerInvariant()}: what {Connections} clients feel ({RequestMix.Mixed.Name}, " +
            $"{InFlight} at a time, open loop at {perSecond:N0}/s, {1.0 / Moderation:P0} of what saturates the server), " +
            $"{clients.Keys:N0} keys, values of {clients.ValueBytes:N0} bytes; " +
            $"medians of {options.Repetitions} times {options.Seconds} s in turns:\n");

        List<Measurement>[] results = await ServerBench.InTurnsAsync(
            Interferer.All, options.Repetitions, interferer => MeasureAsync(server, interferer, clients, perSecond, options.Seconds));
        var table = new Table("beside", "which does, a second", "requests/s", "p50/p99/p99.9 us", "p99.9, to that alone");
        double alone = results[0].Median(r => r.Load.P999);
        foreach ((int index, Interferer interferer) in Interferer.All.Index())
        {
            LoadResult load = LoadResult.Median([.. results[index].Select(r => r.Load)]);
            double done = results[index].Median(r => r.DonePerSecond);
            string does = interferer.Unit.Length == 0 ? "" : $"{done.ToString(done < 10 ? "N1" : "N0")} {interferer.Unit}";
            table.Add(interferer.Name, does, $"{load.PerSecond:N0}", load.Percentiles, $"{load.P999 / alone:N2}");
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

    /// <param name="Load">What ordinary clients got.</param>
    /// <param name="DonePerSecond">What the interferer did.</param>
    private sealed record Measurement(LoadResult Load, double DonePerSecond);
}
