using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>What one server does under load.</summary>
/// <param name="Load">As its clients see it.</param>
/// <param name="ServerMicroseconds">Processor time of the server for a request.</param>
/// <param name="ResidentBytes">Memory of the server afterwards.</param>
/// <param name="FlushesPerSecond">How often the disk was flushed.</param>
internal sealed record ThroughputResult(LoadResult Load, double ServerMicroseconds, double ResidentBytes, double FlushesPerSecond)
{
    /// <summary>There is none.</summary>
    public static readonly ThroughputResult None = new(
        new LoadResult(double.NaN, double.NaN, double.NaN, double.NaN), double.NaN, double.NaN, double.NaN);

    /// <summary>The median of each figure by itself.</summary>
    public static ThroughputResult Median(IReadOnlyList<ThroughputResult> results) => new(
        LoadResult.Median([.. results.Select(r => r.Load)]), results.Median(r => r.ServerMicroseconds),
        results.Median(r => r.ResidentBytes), results.Median(r => r.FlushesPerSecond));
}
