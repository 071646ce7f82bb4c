using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The result of one measurement.</summary>
/// <param name="Calls">The number of calls.</param>
/// <param name="PerSecond">The number of calls per second.</param>
/// <param name="AllocatedBytes">The managed memory that the client's process allocated per call, in bytes.</param>
/// <param name="ClientMicroseconds">The processor time of the client's process per call.</param>
internal sealed record ClientResult(long Calls, double PerSecond, double AllocatedBytes, double ClientMicroseconds)
{
    /// <summary>The result of a client that failed.</summary>
    public static readonly ClientResult None = new(0, double.NaN, double.NaN, double.NaN)
    {
        ServerMicroseconds = double.NaN, P50 = double.NaN, P99 = double.NaN, P999 = double.NaN,
    };

    /// <summary>The processor time of the server's process per call.</summary>
    public double ServerMicroseconds { get; init; }

    /// <summary>Percentiles of the latency in microseconds; 0 if it was not measured.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }

    public double P999 { get; init; }

    /// <summary>Why the measurement failed; null if it did not.</summary>
    public string? Error { get; init; }

    public string Percentiles => $"{P50:N0} / {P99:N0} / {P999:N0}";

    public ClientResult With(LatencyHistogram latencies) => this with
    {
        P50 = latencies.Percentile(0.5), P99 = latencies.Percentile(0.99), P999 = latencies.Percentile(0.999),
    };

    /// <summary>Returns the median of each figure separately; <see cref="None"/> if a measurement failed.</summary>
    public static ClientResult Median(IReadOnlyList<ClientResult> results) => results.Contains(None) ? None : new(
        (long)results.Median(r => r.Calls), results.Median(r => r.PerSecond), results.Median(r => r.AllocatedBytes),
        results.Median(r => r.ClientMicroseconds))
    {
        ServerMicroseconds = results.Median(r => r.ServerMicroseconds),
        P50 = results.Median(r => r.P50), P99 = results.Median(r => r.P99), P999 = results.Median(r => r.P999),
    };
}
