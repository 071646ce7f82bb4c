using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>Clients of one server that repeatedly connect, make a number of calls, and close.</summary>
internal static class CallLoad
{
    private const int Seed = 1;

    /// <summary>Loads the server for a number of seconds, closed loop.</summary>
    public static Task<CallResult> RunAsync(CallOptions options, double seconds) => Task.Factory.StartNew(
        () => Run(options, seconds), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static CallResult Run(CallOptions options, double seconds)
    {
        LoadOptions load = options.Load with { InFlight = 1 };
        var random = new LoadRandom(Seed);
        var latencies = new LatencyHistogram();
        using var loop = new CallLoop(options, new LoadScratch(load, random));
        var rounds = new RandomRounds(load, new KeyChoice(load, random), random, seconds);
        long start = Stopwatch.GetTimestamp();
        loop.Run(rounds, latencies);
        double elapsed = Stopwatch.GetElapsedTime(start, latencies.LastAnswered).TotalSeconds;
        return new CallResult(LoadResult.Of(latencies, elapsed), loop.Connections);
    }
}
