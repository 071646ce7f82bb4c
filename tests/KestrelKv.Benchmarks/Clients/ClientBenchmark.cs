using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>
/// Compares client libraries, each with its own server. The servers share one core. The clients share another, each in a process of its
/// own; only one of them makes calls at a time.
/// </summary>
internal static class ClientBenchmark
{
    public static readonly string[] Parts = ["calls", "pipeline", "latency", "cache"];

    public static async Task RunAsync(ClientOptions options)
    {
        using IDisposable interrupt = ServerProgram.EndOn(PosixSignal.SIGINT), terminate = ServerProgram.EndOn(PosixSignal.SIGTERM);
        options = options with { Clients = Installed(options.Clients) };
        var bench = new ServerBench(Path.GetTempPath(), Pinning.Apply(options.Pin));
        Console.WriteLine(
            $"{Environment.ProcessorCount} cores, {bench.Pinning}; {string.Join(", ", (object[])options.Clients)}; in memory; " +
            $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns");
        var load = new LoadOptions { Keys = options.Keys, ValueBytes = options.ValueBytes, Connections = 1 };
        await using ClientServers servers = await ClientServers.StartAsync(bench, options.Clients, load);
        foreach (string part in options.Parts)
        {
            Console.WriteLine();
            await (part switch
            {
                "calls" => CallsPart.RunAsync(servers, options),
                "pipeline" => PipelinePart.RunAsync(servers, options, load),
                "latency" => ClientLatencyPart.RunAsync(servers, options),
                _ => CachePart.RunAsync(servers, options),
            });
        }
    }

    /// <summary>Returns the clients whose servers are installed, and prints how to install the others.</summary>
    private static ClientKind[] Installed(ClientKind[] clients)
    {
        bool withRedis = !clients.Contains(ClientKind.StackExchangeRedis) || Missing.Without([RedisServer.Kind]).Length > 0;
        bool withNats = !clients.Contains(ClientKind.Nats) || NatsServer.IsInstalled;
        if (!withNats)
            Console.Error.WriteLine($"{NatsServer.Name} is skipped: {NatsServer.Program} is not installed; run: {NatsServer.Installation}");
        return
        [
            .. clients.Where(client => (withRedis || client != ClientKind.StackExchangeRedis) && (withNats || client != ClientKind.Nats)),
        ];
    }
}
