using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Open-loop clients: a round of requests is due at fixed intervals, whether or not earlier ones are answered, and its
/// latency counts from the time at which it was due. So a server that stops for a moment is charged for all that was to
/// be served meanwhile, and not just for what had been sent (coordinated omission).
/// </summary>
/// <param name="options">The clients; a round takes any one that is idle.</param>
/// <param name="perSecond">Requests a second.</param>
internal sealed partial class PacedLoad(LoadOptions options, double perSecond) : IDisposable
{
    private const int TimerSlackOption = 29; // PR_SET_TIMERSLACK

    private readonly LoadConnection[] _connections = [.. Enumerable.Range(0, options.Connections).Select(i => new LoadConnection(options, seed: i))];
    private readonly long _interval = (long)(options.InFlight / perSecond * Stopwatch.Frequency);

    public void Dispose()
    {
        foreach (LoadConnection connection in _connections) connection.Dispose();
    }

    /// <summary>Loads the server for a time.</summary>
    /// <returns>When each round was due, and when it was answered: timestamps.</returns>
    public async Task<List<(long Due, long Answered)>> RunAsync(double seconds)
    {
        Channel<long> due = Channel.CreateUnbounded<long>(new UnboundedChannelOptions { SingleWriter = true, AllowSynchronousContinuations = true });
        Task<List<(long, long)>>[] clients = [.. _connections.Select(connection => ServeAsync(connection, due.Reader))];
        var pacer = new Thread(() => Pace(due.Writer, seconds));
        pacer.Start();
        return [.. (await Task.WhenAll(clients)).SelectMany(rounds => rounds)];
    }

    private static async Task<List<(long, long)>> ServeAsync(LoadConnection connection, ChannelReader<long> rounds)
    {
        var served = new List<(long, long)>();
        await foreach (long due in rounds.ReadAllAsync())
        {
            await connection.RandomRoundAsync();
            served.Add((due, Stopwatch.GetTimestamp()));
        }
        return served;
    }

    private void Pace(ChannelWriter<long> rounds, double seconds)
    {
        _ = SetProcessOption(TimerSlackOption, 1); // Nanoseconds: else a sleep takes 50 microseconds more.
        long due = Stopwatch.GetTimestamp();
        for (long end = due + (long)(seconds * Stopwatch.Frequency); due < end; due += _interval)
        {
            long early = due - Stopwatch.GetTimestamp();
            if (early > 0) _ = Sleep((uint)(early * 1_000_000 / Stopwatch.Frequency));
            rounds.TryWrite(due);
        }
        rounds.Complete();
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetProcessOption(int option, ulong value);
}
