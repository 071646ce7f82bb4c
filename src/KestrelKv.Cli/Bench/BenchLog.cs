using System.Collections.Concurrent;
using System.Diagnostics;

namespace KestrelKv.Cli.Bench;

/// <summary>The counts of a load. Thread-safe.</summary>
/// <param name="begin">The timestamp of the beginning of the measurement. Rounds that start earlier are the warm-up.</param>
internal sealed class BenchLog(long begin)
{
    private readonly ConcurrentDictionary<string, long> _errors = new();
    private long _gets;
    private long _puts;
    private long _warmUp;
    private long _lastAnswered;

    public LatencyCounts Latencies { get; } = new();

    /// <summary>The successful GETs of the measurement.</summary>
    public long Gets => Volatile.Read(ref _gets);

    /// <summary>The successful PUTs of the measurement.</summary>
    public long Puts => Volatile.Read(ref _puts);

    /// <summary>The successful requests of the warm-up.</summary>
    public long WarmUp => Volatile.Read(ref _warmUp);

    /// <summary>The failed requests by error code, those of the warm-up included.</summary>
    public IReadOnlyDictionary<string, long> Errors => _errors;

    /// <summary>Whether requests had no reply in time. The server may still execute them.</summary>
    public bool HasTimeout => _errors.ContainsKey(BenchConnection.TimeoutCode);

    /// <summary>The time from the beginning to the last reply.</summary>
    public double Seconds => Math.Max(0, (Volatile.Read(ref _lastAnswered) - begin) / (double)Stopwatch.Frequency);

    /// <summary>Adds the successful replies that arrived at the same time.</summary>
    /// <param name="start">The timestamp from which the latency counts.</param>
    /// <param name="answered">The timestamp of the replies.</param>
    /// <param name="gets">The replies to GETs.</param>
    /// <param name="puts">The replies to other requests.</param>
    public void Add(long start, long answered, int gets, int puts)
    {
        if (start < begin)
        {
            Interlocked.Add(ref _warmUp, gets + puts);
            return;
        }
        Latencies.Add(Math.Max(0, answered - start), gets + puts);
        if (gets > 0) Interlocked.Add(ref _gets, gets);
        if (puts > 0) Interlocked.Add(ref _puts, puts);
        for (long last = _lastAnswered; answered > last; last = Volatile.Read(ref _lastAnswered))
            Interlocked.CompareExchange(ref _lastAnswered, answered, last);
    }

    public void AddError(string code, long count = 1) => _errors.AddOrUpdate(code, count, (_, before) => before + count);
}
