using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Comparison;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>
/// The cost of durability, compared with Redis on the same disk: throughput, recovery, and latency during a snapshot. Servers run on
/// loopback in directories of their own, and are killed at the end.
/// </summary>
internal static class DurabilityBenchmark
{
    public static async Task RunAsync(DurabilityOptions options)
    {
        using IDisposable interrupt = ServerProgram.EndOn(PosixSignal.SIGINT), terminate = ServerProgram.EndOn(PosixSignal.SIGTERM);
        options = options with { Servers = Missing.Without(options.Servers) };
        if (new DriveInfo(options.Directory).DriveFormat is "tmpfs" or "ramfs")
            throw new ArgumentException($"{options.Directory} is in memory, set --directory to a directory on a disk", nameof(options));
        var bench = new ServerBench(options.Directory, Pinning.Apply(options.Pin));
        Console.WriteLine($"{Environment.ProcessorCount} cores, {bench.Pinning}, data on {options.Directory}");
        foreach (string part in options.Parts)
        {
            Console.WriteLine();
            await (part switch
            {
                "throughput" => ThroughputPart.RunAsync(bench, options.Throughput),
                "recovery" => RecoveryBenchmark.RunAsync(bench, options),
                _ => SnapshotBenchmark.RunAsync(bench, options),
            });
        }
    }
}
