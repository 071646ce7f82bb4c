using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>
/// What it costs to lose nothing, beside Redis on the same disk: throughput, recovery, and latency during a snapshot.
/// Servers run on loopback, in directories of their own; all are gone in the end.
/// </summary>
internal static class DurabilityBenchmark
{
    public static async Task RunAsync(DurabilityOptions options)
    {
        // Where the servers are killed, all that waits for them fails, and cleans up on its way out.
        void Interrupt(PosixSignalContext signal)
        {
            signal.Cancel = true;
            ServerProgram.KillAll();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

        if (options.Servers.Contains(RedisServer.Kind) && !HasRedis())
        {
            Console.Error.WriteLine("There is no redis-server on the path: KestrelKv is measured alone.");
            options = options with { Servers = [KestrelKvServer.Kind] };
        }
        if (new DriveInfo(options.Directory).DriveFormat is "tmpfs" or "ramfs")
            throw new ArgumentException($"{options.Directory} is in memory: --directory has to be on a disk.", nameof(options));
        var bench = new ServerBench(options, Pinning.Apply(options.Pin));
        Console.WriteLine($"{Environment.ProcessorCount} cores, {bench.Pinning}, data on {options.Directory}");
        foreach (string part in options.Parts)
        {
            Console.WriteLine();
            await (part switch
            {
                "throughput" => ThroughputBenchmark.RunAsync(bench),
                "recovery" => RecoveryBenchmark.RunAsync(bench),
                _ => SnapshotBenchmark.RunAsync(bench),
            });
        }
    }

    private static bool HasRedis()
    {
        try
        {
            using Process redis = Process.Start(new ProcessStartInfo("redis-server", ["--version"]) { RedirectStandardOutput = true })!;
            Console.WriteLine(redis.StandardOutput.ReadToEnd().Trim());
            redis.WaitForExit();
            return true;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
