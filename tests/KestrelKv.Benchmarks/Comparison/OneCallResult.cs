using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>
/// The result of one server for clients that open connections for one or a few calls. Processor times are per call. Managed memory is per
/// connection with its calls, NaN if the server does not report it.
/// </summary>
internal sealed record OneCallResult(LoadResult Load, double ServerMicroseconds, double LoadMicroseconds, double AllocatedBytes)
{
    /// <summary>The result of a server that failed.</summary>
    public static readonly OneCallResult None = new(
        new LoadResult(double.NaN, double.NaN, double.NaN, double.NaN), double.NaN, double.NaN, double.NaN);

    /// <summary>Returns the median of each figure separately.</summary>
    public static OneCallResult Median(IReadOnlyList<OneCallResult> results) => new(
        LoadResult.Median([.. results.Select(r => r.Load)]), results.Median(r => r.ServerMicroseconds),
        results.Median(r => r.LoadMicroseconds), results.Median(r => r.AllocatedBytes));
}
