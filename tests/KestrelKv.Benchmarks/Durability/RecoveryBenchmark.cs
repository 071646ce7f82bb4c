using System.Diagnostics;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>
/// The time from the start of a server's process, on all cores, to its first reply, with all data in a snapshot: KestrelKv's is taken at
/// its stop, Redis' by SAVE. The file is in the page cache.
/// </summary>
internal static class RecoveryBenchmark
{
    public static async Task RunAsync(ServerBench bench, DurabilityOptions options)
    {
        Console.WriteLine(
            $"Start with a snapshot of {options.RecoveryKeys:N0} keys of {LoadData.KeyBytes} bytes, " +
            $"values of {options.ValueBytes} bytes of JSON with random hexadecimal digits; " +
            $"medians of {options.Repetitions} runs, taken in turns:\n");
        using TemporaryDirectory parent = bench.CreateDirectory();
        TemporaryDirectory[] directories = [.. options.Servers.Select(_ => new TemporaryDirectory(parent.Path))];
        (ServerKind Kind, TemporaryDirectory Directory)[] servers = [.. options.Servers.Zip(directories)];
        foreach ((ServerKind kind, TemporaryDirectory directory) in servers) await FillAsync(bench, options, kind, directory);

        List<double>[] seconds = await ServerBench.InTurnsAsync(
            servers, options.Repetitions, server => MeasureAsync(bench, options, server.Kind, server.Directory));
        double[] medians = [.. seconds.Select(s => s.Median(x => x))];
        var table = new Table("", "seconds to the first reply", "keys/s", "files, MB");
        foreach ((int index, ServerKind kind) in options.Servers.Index())
            table.Add(
                kind.Name, $"{medians[index]:N2}", $"{options.RecoveryKeys / medians[index]:N0}", $"{Megabytes(directories[index]):N0}");
        if (medians.Length > 1) table.Add("ratio", $"{medians[1] / medians[0]:N2}", "", "");
        Console.WriteLine(table);
    }

    private static async Task FillAsync(ServerBench bench, DurabilityOptions options, ServerKind kind, TemporaryDirectory directory)
    {
        await using var server = (ISnapshotServer)await bench.StartFilledAsync(kind, kind.SnapshotMode, directory, options.RecoveryClients);
        long start = Stopwatch.GetTimestamp();
        await server.StopWithSnapshotAsync();
        ServerBench.Progress($"{kind.Name} is filled; its stop with a snapshot took {Stopwatch.GetElapsedTime(start).TotalSeconds:N2} s");
    }

    private static async Task<double> MeasureAsync(
        ServerBench bench, DurabilityOptions options, ServerKind kind, TemporaryDirectory directory)
    {
        long start = Stopwatch.GetTimestamp();
        await using IServer server = kind.Start(new ServerSetup(kind.SnapshotMode, directory.Path, bench.Pinning.All, options.ValueBytes));
        await Readiness.WaitAsync(server);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;

        // The check fails if a key is missing or has a value of another length.
        LoadOptions reads = ServerBench.LoadOf(server, options.RecoveryClients) with { InFlight = 16, PutPercent = 0 };
        using (var load = new Load(reads)) await load.RunAsync(1);
        ServerBench.Progress($"{kind.Name}: {seconds:N2} s. Its output: {LoadMessage(server.Program.Output)}");
        return seconds;
    }

    private static string LoadMessage(string output) => string.Join(" / ",
        output.Split('\n').Where(
            line => line.Contains("DB loaded", StringComparison.Ordinal) || line.Contains("ecover", StringComparison.Ordinal)));

    private static double Megabytes(TemporaryDirectory directory) =>
        new DirectoryInfo(directory.Path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) / 1e6;
}
