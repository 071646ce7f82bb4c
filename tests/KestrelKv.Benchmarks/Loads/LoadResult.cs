namespace KestrelKv.Benchmarks.Loads;

/// <summary>The measurements of a load. Percentiles of latency are in microseconds.</summary>
internal sealed record LoadResult(double PerSecond, double P50, double P99, double P999)
{
    public long Requests { get; init; }

    public string Percentiles => $"{P50:N0} / {P99:N0} / {P999:N0}";

    public static LoadResult Of(LatencyHistogram latencies, double seconds) =>
        new(latencies.Count / seconds, latencies.Percentile(0.5), latencies.Percentile(0.99), latencies.Percentile(0.999))
        {
            Requests = latencies.Count,
        };

    /// <summary>Returns the median of each figure separately.</summary>
    public static LoadResult Median(IReadOnlyList<LoadResult> results) => new(
        results.Median(r => r.PerSecond), results.Median(r => r.P50), results.Median(r => r.P99), results.Median(r => r.P999));

    public override string ToString() => $"{PerSecond:N0} requests/s, p50 {P50:N0} us, p99 {P99:N0} us, p99.9 {P999:N0} us";
}
