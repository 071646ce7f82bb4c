namespace KestrelKv.Benchmarks.Loads;

/// <summary>Measures a server that is already running.</summary>
internal static class LoadBenchmark
{
    public static async Task RunAsync(LoadOptions options)
    {
        using var load = new Load(options);
        await load.FillAsync();
        await load.RunAsync(1);
        var results = new List<LoadResult>();
        for (int i = 0; i < options.Repetitions; i++) results.Add(await load.RunAsync(options.Seconds));
        Console.WriteLine($"{options.Connections} connections, {options.InFlight} in flight: {LoadResult.Median(results)}");
    }
}
