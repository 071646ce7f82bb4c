using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client.Connections;

namespace KestrelKv.Cli.Bench;

/// <summary>A benchmark: connections, keys, load, and the removal of the keys.</summary>
internal sealed class BenchRun : IAsyncDisposable
{
    /// <summary>The minimum number of requests that a connection sends at once to prepare and remove keys.</summary>
    private const int FillInFlight = 64;

    private readonly BenchOptions _options;
    private readonly BenchConnection[] _connections;
    private readonly BenchConnection[] _fillers;

    /// <param name="session">The session.</param>
    /// <param name="options">The options.</param>
    /// <param name="data">The keys and values.</param>
    public BenchRun(Session session, BenchOptions options, BenchData data)
    {
        var frames = new BenchFrames(data);
        var connector = new Connector(session.ClientOptions);
        TimeSpan timeout = session.ClientOptions.Timeout;
        _options = options;
        _connections = [.. Enumerable.Range(0, options.Connections).Select(_ => new BenchConnection(connector, frames, options.InFlight, timeout))];
        _fillers =
            [.. Enumerable.Range(0, Math.Min(4, options.Connections)).Select(_ => new BenchConnection(connector, frames, FillInFlight, timeout))];
    }

    /// <summary>
    /// Lets the events of all sockets complete on the threads that receive them, as in programs with one event loop. Takes effect only before the
    /// first socket of the process, and for all of them: code that blocks must not follow an await of a socket.
    /// </summary>
    public static void UseEventLoop()
    {
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", Math.Max(1, Environment.ProcessorCount / 2)
            .ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Whether requests had no reply in time. The server may still execute them.</summary>
    public bool HasTimeout { get; private set; }

    /// <summary>Opens all connections.</summary>
    /// <exception cref="IOException">The server cannot be reached.</exception>
    public async Task ConnectAsync(CancellationToken stop)
    {
        foreach (BenchConnection connection in _fillers.Concat(_connections)) await connection.ConnectAsync(stop);
    }

    /// <summary>Writes all keys. Ends early if the server does not reply in time.</summary>
    public Task<BenchLog> FillAsync(CancellationToken stop) => EachKeyAsync(BenchFunction.Fill, stop);

    /// <summary>Removes all keys. Ends early if the server does not reply in time.</summary>
    public Task<BenchLog> RemoveAsync(CancellationToken stop) => EachKeyAsync(BenchFunction.Remove, stop);

    /// <summary>Loads the server. Ends early if it is stopped.</summary>
    public async Task<BenchResult> MeasureAsync(Action<BenchLog> progress, CancellationToken stop)
    {
        long now = Stopwatch.GetTimestamp(), begin = now + Ticks(_options.WarmUp), end = begin + Ticks(_options.Seconds);
        var log = new BenchLog(begin);
        using Pacer? pacer = _options.Rate is { } rate ? new(now, end, rate / _options.InFlight, stop) : null;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        Task load = RunAsync(_connections, new RandomKeys(_options, end, pacer, stop), log, stop);
        while (await Task.WhenAny(load, Task.Delay(250, CancellationToken.None)) != load) progress(log);
        await load;
        HasTimeout |= log.HasTimeout;
        return new(_options, log, pacer?.Delays, (Environment.CpuUsage.TotalTime - cpu) / Stopwatch.GetElapsedTime(now),
            stop.IsCancellationRequested);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (BenchConnection connection in _fillers.Concat(_connections)) await connection.DisposeAsync();
    }

    private async Task<BenchLog> EachKeyAsync(BenchFunction function, CancellationToken stop)
    {
        var log = new BenchLog(0);
        await RunAsync(_fillers, new EachKey(function, _options.Keys, log, stop), log, stop);
        HasTimeout |= log.HasTimeout;
        return log;
    }

    private static async Task RunAsync(BenchConnection[] connections, IBenchWork work, BenchLog log, CancellationToken stop)
    {
        await Task.WhenAll(connections.Select(connection => Task.Run(() => connection.RunAsync(work, log, stop))));

        // The last reply may have arrived on the thread of the sockets, or of the pacer, which the caller must not block.
        await Task.Yield();
    }

    private static long Ticks(double seconds) => (long)(seconds * Stopwatch.Frequency);
}
