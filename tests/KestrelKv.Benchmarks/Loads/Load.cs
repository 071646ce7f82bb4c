using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>Closed-loop clients of one server: each sends its next requests when the last ones are answered.</summary>
internal sealed class Load(LoadOptions options) : IDisposable
{
    private readonly LoadConnection[] _connections = [.. Enumerable.Range(0, options.Connections).Select(i => new LoadConnection(options, seed: i))];

    public void Dispose()
    {
        foreach (LoadConnection connection in _connections) connection.Dispose();
    }

    /// <summary>Puts all keys.</summary>
    public Task FillAsync() => Task.WhenAll(_connections.Select((c, i) => Task.Run(() => c.FillAsync(i, _connections.Length))));

    /// <summary>Loads the server for a time, and measures.</summary>
    public async Task<LoadResult> RunAsync(double seconds)
    {
        List<long>[] latencies = [.. _connections.Select(_ => new List<long>())];
        long start = Stopwatch.GetTimestamp();
        long until = start + (long)(seconds * Stopwatch.Frequency);
        long[] requests = await Task.WhenAll(_connections.Select((c, i) => Task.Run(() => c.RunAsync(until, latencies[i]))));
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return LoadResult.Of(requests.Sum() / elapsed, latencies.SelectMany(l => l)) with { Requests = requests.Sum() };
    }
}
