using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>The result of one server under load. Processor time is per request; resident memory is measured after the load.</summary>
internal sealed record ThroughputResult(LoadResult Load, double ServerMicroseconds, double ResidentBytes, double FlushesPerSecond)
{
    /// <summary>The result of a server that failed.</summary>
    public static readonly ThroughputResult None = new(
        new LoadResult(double.NaN, double.NaN, double.NaN, double.NaN), double.NaN, double.NaN, double.NaN);

    /// <summary>Returns the median of each figure separately.</summary>
    public static ThroughputResult Median(IReadOnlyList<ThroughputResult> results) => new(
        LoadResult.Median([.. results.Select(r => r.Load)]), results.Median(r => r.ServerMicroseconds),
        results.Median(r => r.ResidentBytes), results.Median(r => r.FlushesPerSecond));
}
