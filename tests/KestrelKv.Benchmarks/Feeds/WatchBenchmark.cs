using System.Diagnostics;
using System.Globalization;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Feeds;

/// <summary>Writes per second with increasing numbers of watchers. Each watcher must receive every change in the end.</summary>
internal static class WatchBenchmark
{
    private const string AllKeys = "key:";

    private static readonly TimeSpan CatchUpTimeout = TimeSpan.FromMinutes(1);

    public static async Task RunAsync(WatchOptions options)
    {
        Pinning pinning = Pinning.Apply(options.Pin);
        Console.WriteLine(
            $"{Environment.ProcessorCount} cores, {pinning}; writes of {options.Keys:N0} keys, " +
            $"values of {options.ValueBytes} bytes, {options.Connections} connections, " +
            $"{options.InFlight} in flight, {options.Mode}; " +
            $"watchers of {(options.SharesAll ? "all keys" : "keys of their own")}; " +
            $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");
        using var directory = new TemporaryDirectory(options.Directory);
        await using IServer server = KestrelKvServer.Kind.Start(
            new ServerSetup(options.Mode, directory.Path, pinning.Server, options.ValueBytes));
        await Readiness.WaitAsync(server);
        using (var fill = new Load(LoadFor(options, server) with { InFlight = 100 })) await fill.FillAsync();

        int[] counts = [0, .. options.Watchers];
        List<Measurement>[] results = [.. counts.Select(_ => new List<Measurement>())];
        for (int i = 0; i < options.Repetitions; i++)
            foreach ((int index, int watchers) in counts.Index()) results[index].Add(await MeasureAsync(options, server, watchers));

        var table = new Table(["watchers", "writes/s", "ratio", "p50/p99/p99.9 us", "changes delivered/s", "catch-up ms"]);
        double without = results[0].Median(r => r.Load.PerSecond);
        foreach ((int index, int watchers) in counts.Index())
        {
            LoadResult load = LoadResult.Median([.. results[index].Select(r => r.Load)]);
            table.Add([
                $"{watchers}", $"{load.PerSecond:N0}", $"{load.PerSecond / without:N2}", load.Percentiles,
                $"{results[index].Median(r => r.DeliveredPerSecond):N0}", $"{results[index].Median(r => r.CatchUpMs):N0}",
            ]);
        }
        Console.WriteLine(table);
    }

    private static async Task<Measurement> MeasureAsync(WatchOptions options, IServer server, int count)
    {
        List<Watcher> watchers = [];
        try
        {
            for (int i = 0; i < count; i++)
                watchers.Add(await Watcher.StartAsync(server.Port, options.SharesAll ? AllKeys : PrefixOf(options.Keys, i, count)));
            using var load = new Load(LoadFor(options, server));
            long start = Stopwatch.GetTimestamp();
            LoadResult result = await load.RunAsync(options.Seconds);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            long expected = options.SharesAll ? result.Requests * count : count == 0 ? 0 : result.Requests;
            long end = Stopwatch.GetTimestamp();
            while (watchers.Sum(watcher => watcher.Changes) is var received && received != expected)
            {
                if (watchers.Find(watcher => watcher.Failure is not null) is { } failed)
                    throw new InvalidOperationException("a watch ended with an error", failed.Failure);
                if (Stopwatch.GetElapsedTime(end) > CatchUpTimeout || received > expected)
                    throw new InvalidDataException($"the watchers received {received} changes instead of {expected}");
                await Task.Delay(1);
            }
            double catchUp = count == 0 ? 0 : Stopwatch.GetElapsedTime(end).TotalMilliseconds;
            return new(result, expected / (seconds + catchUp / 1_000), catchUp);
        }
        finally
        {
            foreach (Watcher watcher in watchers) watcher.Dispose();
        }
    }

    /// <summary>Returns the prefix of the keys of one watcher. All keys are numbers with the same number of digits.</summary>
    public static string PrefixOf(int keys, int watcher, int count)
    {
        if (count == 1) return AllKeys;
        int digits = (int)Math.Round(Math.Log10(count)), numberDigits = (int)Math.Round(Math.Log10(keys));
        if ((int)Math.Pow(10, digits) != count || (int)Math.Pow(10, numberDigits) != keys)
            throw new ArgumentException("with --share own, --watchers and --keys must be powers of ten", nameof(keys));
        string start = LoadData.KeyOf(0)[..^numberDigits];
        return start + watcher.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
    }

    private static LoadOptions LoadFor(WatchOptions options, IServer server) => new()
    {
        Port = server.Port,
        Connections = options.Connections,
        InFlight = options.InFlight,
        Keys = options.Keys,
        ValueBytes = options.ValueBytes,
        PutPercent = 100,
    };

    /// <param name="Load">The result of the writers.</param>
    /// <param name="DeliveredPerSecond">The number of changes per second that all watchers received together.</param>
    /// <param name="CatchUpMs">The time from the last write until every watcher had received all changes, in milliseconds.</param>
    private sealed record Measurement(LoadResult Load, double DeliveredPerSecond, double CatchUpMs);
}
