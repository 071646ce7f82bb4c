using System.Diagnostics;
using System.Numerics;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// Counts latencies with a relative error of at most 1/128, in constant memory: 128 buckets per power of two, as in HdrHistogram. Thread-safe.
/// </summary>
internal sealed class LatencyCounts
{
    private const int PartBits = 7;
    private const int Parts = 1 << PartBits;

    private readonly long[] _counts = new long[(64 - PartBits + 1) * Parts];
    private long _count;
    private long _max;

    public long Count => Volatile.Read(ref _count);

    /// <summary>The largest latency, in microseconds.</summary>
    public double Max => Volatile.Read(ref _max) * 1e6 / Stopwatch.Frequency;

    /// <summary>Adds a number of requests with the same latency.</summary>
    /// <param name="ticks">The latency in ticks of <see cref="Stopwatch"/>, 0 or more.</param>
    /// <param name="requests">The number of requests.</param>
    public void Add(long ticks, int requests)
    {
        Interlocked.Add(ref _counts[BucketOf(ticks)], requests);
        Interlocked.Add(ref _count, requests);
        for (long max = _max; ticks > max; max = Volatile.Read(ref _max)) Interlocked.CompareExchange(ref _max, ticks, max);
    }

    /// <summary>Returns the latency, in microseconds, that the given fraction of all requests did not exceed; 0 if there are none.</summary>
    public double Percentile(double fraction)
    {
        long before = (long)(fraction * (Count - 1)), seen = 0;
        for (int bucket = 0; bucket < _counts.Length && Count > 0; bucket++)
        {
            seen += _counts[bucket];
            if (seen > before) return Math.Min(Max, MiddleOf(bucket) * 1e6 / Stopwatch.Frequency);
        }
        return 0;
    }

    private static int BucketOf(long ticks)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)ticks | 1) - PartBits);
        return shift * Parts + (int)(ticks >> shift);
    }

    private static double MiddleOf(int bucket)
    {
        int shift = Math.Max(0, bucket / Parts - 1);
        return ((long)(bucket - shift * Parts) << shift) + ((1L << shift) - 1) / 2.0;
    }
}
