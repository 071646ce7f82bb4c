using System.Net.Sockets;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>
/// Clients that connect, make one or a few calls, and close. The first way to close is measured with each number of calls, every other
/// way with the first number only.
/// </summary>
internal static class OneCallPart
{
    private const double WarmUpSeconds = 1;
    private const double StraceSeconds = 1;
    private const double ShownCallsMin = 0.05;

    /// <summary>The pause between servers: data that one still has to write must not slow down the next.</summary>
    private static readonly TimeSpan DiskPause = TimeSpan.FromSeconds(1.2);

    public static async Task RunAsync(ServerBench bench, ComparisonOptions options)
    {
        if (options.Strace && !SystemCalls.IsInstalled)
            throw new InvalidOperationException("--strace requires strace, which is not installed; run: apt-get install strace");
        LoadOptions clients = options.ClientsFor(options.ValueBytes[0]) with { InFlight = 1, Distribution = options.Distributions[0] };
        foreach (DurabilityMode mode in options.Modes)
        {
            await using ServerSet servers = await bench.StartFilledAsync(options.ServersOf(mode), mode, clients);
            foreach (CallOptions calls in CombinationsOf(options, clients))
                await RunAsync(bench, options, mode, servers, calls);
        }
    }

    private static IEnumerable<CallOptions> CombinationsOf(ComparisonOptions options, LoadOptions clients) =>
    [
        .. options.CallsPerConnection.Select(calls => new CallOptions(clients, calls, options.Close[0])),
        .. options.Close.Skip(1).Select(close => new CallOptions(clients, options.CallsPerConnection[0], close)),
    ];

    private static async Task RunAsync(
        ServerBench bench, ComparisonOptions options, DurabilityMode mode, ServerSet servers, CallOptions calls)
    {
        string close = calls.Close == CloseKind.Fin ? "FIN" : "RST";
        string uses = calls.CallsPerConnection == 1 ? "each call" : $"{calls.CallsPerConnection} calls";
        string title = $"{mode.ToString().ToLowerInvariant()}: one connection for {uses}, closed by the client with {close}";
        Console.WriteLine(
            $"One call at a time, {title}; {calls.Load.Keys:N0} keys, values of {calls.Load.ValueBytes:N0} bytes; " +
            $"medians of {options.Repetitions} runs of {options.Seconds} s, taken in turns:\n");
        var table = new Table(
            "", "clients", "server", "calls/s", $"{servers[0].Name} / server", "p50/p99/p99.9 us", "server us/call", "load us/call",
            "allocated bytes/connection");
        var systemCalls = new Table("", "clients", "server", "system calls/call", "most frequent");
        foreach (RequestMix mix in options.Mixes)
        {
            foreach (int connections in options.Connections)
            {
                CallOptions load = calls with { Load = calls.Load with { Connections = connections, PutPercent = mix.PutPercent } };
                ServerBench.Progress($"{title}, {mix.Name}, {connections} clients");
                OneCallResult[] results = await MeasureAsync(options, servers, load, mode != DurabilityMode.Memory);
                foreach ((int index, OneCallResult r) in results.Index())
                {
                    table.Add(
                        mix.Name, $"{connections:N0}", servers[index].Name, $"{r.Load.PerSecond:N0}",
                        index == 0 ? "" : $"{results[0].Load.PerSecond / r.Load.PerSecond:N2}", r.Load.Percentiles,
                        $"{r.ServerMicroseconds:N1}", $"{r.LoadMicroseconds:N1}",
                        double.IsNaN(r.AllocatedBytes) ? "" : $"{r.AllocatedBytes:N0}");
                    if (options.Strace)
                    {
                        string[] traced = await TraceAsync(bench, servers[index], load);
                        systemCalls.Add([mix.Name, $"{connections:N0}", servers[index].Name, .. traced]);
                    }
                }
            }
        }
        Console.WriteLine($"{table}\n");
        if (!options.Strace) return;
        Console.WriteLine($"System calls per call, in a separate run of {StraceSeconds} s under strace -c -f:\n\n{systemCalls}\n");
    }

    private static async Task<OneCallResult[]> MeasureAsync(ComparisonOptions options, ServerSet servers, CallOptions load, bool onDisk)
    {
        foreach (IServer server in servers) await TryMeasureAsync(server, load, WarmUpSeconds);
        List<OneCallResult>[] results = await ServerBench.InTurnsAsync(servers, options.Repetitions, async server =>
        {
            if (onDisk) await Task.Delay(DiskPause);
            OneCallResult result = await TryMeasureAsync(server, load, options.Seconds);
            ServerBench.Progress($"{server.Name}: {result.Load}");
            return result;
        });
        return [.. results.Select(OneCallResult.Median)];
    }

    /// <returns>
    /// <see cref="OneCallResult.None"/> if the server closes a connection, sends a wrong reply, or stops replying; the other servers are
    /// still measured. A connection that cannot be opened ends the benchmark.
    /// </returns>
    private static async Task<OneCallResult> TryMeasureAsync(IServer server, CallOptions load, double seconds)
    {
        try
        {
            return await MeasureAsync(server, load, seconds);
        }
        catch (Exception e) when (e is SocketException or InvalidDataException or TimeoutException)
        {
            ServerBench.Progress($"{server.Name} failed: {e.Message}");
            return OneCallResult.None;
        }
    }

    private static async Task<OneCallResult> MeasureAsync(IServer server, CallOptions options, double seconds)
    {
        long? allocated = await AllocatedBytesAsync(server);
        TimeSpan serverTime = server.Program.ProcessorTime, loadTime = Environment.CpuUsage.TotalTime;
        CallResult result = await CallLoad.RunAsync(LoadOf(server, options), seconds);
        double calls = result.Load.Requests;
        loadTime = Environment.CpuUsage.TotalTime - loadTime;
        serverTime = server.Program.ProcessorTime - serverTime;
        return new OneCallResult(
            result.Load, serverTime.TotalMicroseconds / calls, loadTime.TotalMicroseconds / calls,
            (await AllocatedBytesAsync(server) - allocated) / (double)result.Connections ?? double.NaN);
    }

    private static async Task<long?> AllocatedBytesAsync(IServer server) =>
        server is KestrelKvServer kestrelKv ? await kestrelKv.AllocatedBytesAsync() : null;

    private static async Task<string[]> TraceAsync(ServerBench bench, IServer server, CallOptions options)
    {
        using TemporaryDirectory directory = bench.CreateDirectory();
        (SystemCalls counted, CallResult result) = await SystemCalls.CountAsync(
            server.Program, bench.Pinning.All, directory.Path, () => CallLoad.RunAsync(LoadOf(server, options), StraceSeconds));
        double calls = result.Load.Requests;
        IEnumerable<string> frequent =
            from call in counted.Counts where call.Count / calls >= ShownCallsMin select $"{call.Name} {call.Count / calls:N2}";
        return [$"{counted.Total / calls:N1}", string.Join(", ", frequent)];
    }

    private static CallOptions LoadOf(IServer server, CallOptions options) =>
        options with { Load = ServerBench.LoadOf(server, options.Load) };
}
