using System.Diagnostics;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>The time from the start of a server's process, on all cores and without data, to its first reply.</summary>
internal static class StartPart
{
    private const int Repetitions = 10;

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        Console.WriteLine(
            $"Start of the process without data, on all cores, to the first reply; medians of {Repetitions} runs, taken in turns:\n");
        (ServerKind Kind, DurabilityMode Mode)[] starts =
        [
            .. options.Servers.Select(kind => (kind, DurabilityMode.Memory)),
            .. options.Servers.Where(kind => kind.Modes.Contains(DurabilityMode.Always)).Select(kind => (kind, DurabilityMode.Always)),
        ];
        List<double>[] results = await ServerBench.InTurnsAsync(starts, Repetitions, start => MeasureAsync(bench, start.Kind, start.Mode));
        var table = new Table("server", "mode", "ms to the first reply", "min", "max");
        foreach ((int index, (ServerKind kind, DurabilityMode mode)) in starts.Index())
        {
            List<double> ms = results[index];
            table.Add(kind.Name, mode.ToString().ToLowerInvariant(), $"{ms.Median(x => x):N0}", $"{ms.Min():N0}", $"{ms.Max():N0}");
        }
        Console.WriteLine($"{table}\n");
    }

    private static async Task<double> MeasureAsync(ServerBench bench, ServerKind kind, DurabilityMode mode)
    {
        using TemporaryDirectory directory = bench.CreateDirectory();
        var setup = new ServerSetup(mode, directory.Path, bench.Pinning.All, ValueBytes: 100);
        long start = Stopwatch.GetTimestamp();
        await using IServer server = kind.Start(setup);
        await Readiness.WaitAsync(server);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
