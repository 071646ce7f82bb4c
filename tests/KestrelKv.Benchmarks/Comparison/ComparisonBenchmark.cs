using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Interference;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>
/// Compares servers on this machine. All run at once, but only one is loaded at a time. The same generator loads each through its own
/// protocol. All servers are killed at the end.
/// </summary>
internal static class ComparisonBenchmark
{
    public const string OneCall = "one-call";

    public static readonly string[] Parts = ["throughput", "latency", "start", "interference", OneCall];

    public static async Task RunAsync(ComparisonOptions[] runs)
    {
        using IDisposable interrupt = ServerProgram.EndOn(PosixSignal.SIGINT), terminate = ServerProgram.EndOn(PosixSignal.SIGTERM);
        ServerKind[] servers = Missing.Without(runs[0].Servers);
        var bench = new ServerBench(runs[0].Directory, Pinning.Apply(runs[0].Pin));
        Console.WriteLine($"{Environment.ProcessorCount} cores, {bench.Pinning}, data on {bench.Directory}");
        foreach (ComparisonOptions options in runs.Select(run => run with { Servers = servers }))
        {
            foreach (string part in options.Parts)
            {
                Console.WriteLine();
                await (part switch
                {
                    "throughput" => ThroughputPart.RunAsync(bench, options),
                    "latency" => LatencyPart.RunAsync(bench, options),
                    OneCall => OneCallPart.RunAsync(bench, options),
                    "start" => StartPart.RunAsync(bench, options),
                    _ => InterferencePart.RunAsync(bench, options),
                });
            }
        }
    }
}
