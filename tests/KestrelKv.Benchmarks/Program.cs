using System.Diagnostics;
using System.Globalization;
using KestrelKv.Benchmarks;
using KestrelKv.Benchmarks.Stores;

// As in the server: each reply is taken on the thread that the system tells of it. To be set before the first socket.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

if (args is ["store", .. var storeArgs])
{
    StoreBenchmark.Run(StoreOptions.Parse(storeArgs));
    return 0;
}

if (args is not ["load", .. var rest])
{
    Console.Error.WriteLine($"{LoadOptions.Usage}\n{StoreOptions.Usage}");
    return 2;
}

LoadOptions options = LoadOptions.Parse(rest);
LoadConnection[] connections = [.. Enumerable.Range(0, options.Connections).Select(i => new LoadConnection(options, seed: i))];
await Task.WhenAll(connections.Select((c, i) => Task.Run(() => c.FillAsync(i, connections.Length))));
await RunAsync(1, null);

var results = new List<(double PerSecond, double[] Percentiles)>();
for (int i = 0; i < options.Repetitions; i++)
{
    var latencies = connections.Select(_ => new List<long>()).ToArray();
    double perSecond = await RunAsync(options.Seconds, latencies);
    long[] sorted = [.. latencies.SelectMany(l => l).Order()];
    results.Add((perSecond, [.. new[] { 0.5, 0.99, 0.999 }.Select(p => Microseconds(sorted[(int)(p * (sorted.Length - 1))]))]));
}

var median = results.OrderBy(r => r.PerSecond).ElementAt(results.Count / 2);
Console.WriteLine(
    $"{options.Connections} connections, {options.InFlight} in flight: {median.PerSecond:N0} requests/s, " +
    $"p50 {median.Percentiles[0]:N0} us, p99 {median.Percentiles[1]:N0} us, p99.9 {median.Percentiles[2]:N0} us");
return 0;

async Task<double> RunAsync(double seconds, List<long>[]? latencies)
{
    long start = Stopwatch.GetTimestamp();
    long until = start + (long)(seconds * Stopwatch.Frequency);
    long[] requests = await Task.WhenAll(connections.Select((c, i) => Task.Run(() => c.RunAsync(until, latencies?[i]))));
    return requests.Sum() / Stopwatch.GetElapsedTime(start).TotalSeconds;
}

static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
