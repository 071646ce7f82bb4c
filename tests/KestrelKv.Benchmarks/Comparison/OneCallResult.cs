using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>What one server does for clients that do not keep their connections.</summary>
/// <param name="Load">As its clients see it.</param>
/// <param name="ServerMicroseconds">Processor time of the server for a call.</param>
/// <param name="LoadMicroseconds">Processor time of the clients for a call.</param>
/// <param name="AllocatedBytes">
/// Managed memory that the server allocated for a connection with its calls; not a number if it does not report that.
/// </param>
internal sealed record OneCallResult(LoadResult Load, double ServerMicroseconds, double LoadMicroseconds, double AllocatedBytes)
{
    /// <summary>There is none.</summary>
    public static readonly OneCallResult None = new(
        new LoadResult(double.NaN, double.NaN, double.NaN, double.NaN), double.NaN, double.NaN, double.NaN);

    /// <summary>The median of each figure by itself.</summary>
    public static OneCallResult Median(IReadOnlyList<OneCallResult> results) => new(
        LoadResult.Median([.. results.Select(r => r.Load)]), results.Median(r => r.ServerMicroseconds),
        results.Median(r => r.LoadMicroseconds), results.Median(r => r.AllocatedBytes));
}
