namespace KestrelKv.Cli.Top;

/// <summary>Percentiles in microseconds.</summary>
internal readonly record struct Percentiles(double P50, double P99, double P999);

/// <summary>The cumulative buckets of a Prometheus histogram at one scrape.</summary>
internal sealed class Histogram
{
    private readonly SortedDictionary<double, double> _counts = [];

    /// <summary>Adds a bucket. Buckets with other labels and the same bound are added up.</summary>
    /// <param name="bound">The inclusive upper bound, in seconds.</param>
    /// <param name="count">The number of observations up to the bound since the server started.</param>
    public void Add(double bound, double count) => _counts[bound] = _counts.GetValueOrDefault(bound) + count;

    /// <summary>
    /// Returns percentiles of the observations since an earlier scrape, interpolated within their buckets; null if there are none. An observation
    /// above the last finite bound counts as that bound.
    /// </summary>
    public Percentiles? Since(Histogram earlier)
    {
        bool isRestart = _counts.Any(bucket => bucket.Value < earlier._counts.GetValueOrDefault(bucket.Key));
        (double Bound, double Count)[] buckets =
            [.. _counts.Select(bucket => (bucket.Key, bucket.Value - (isRestart ? 0 : earlier._counts.GetValueOrDefault(bucket.Key))))];
        if (buckets.Length == 0 || buckets[^1].Count <= 0) return null;
        return new(Percentile(buckets, 0.5), Percentile(buckets, 0.99), Percentile(buckets, 0.999));
    }

    private static double Percentile((double Bound, double Count)[] buckets, double fraction)
    {
        double rank = fraction * buckets[^1].Count, bound = 0, count = 0;
        foreach ((double upper, double upTo) in buckets)
        {
            if (upTo >= rank && upTo > count)
                return (double.IsFinite(upper) ? bound + (upper - bound) * (rank - count) / (upTo - count) : bound) * 1e6;
            (bound, count) = (upper, upTo);
        }
        return bound * 1e6;
    }
}
