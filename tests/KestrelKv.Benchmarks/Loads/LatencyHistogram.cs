using System.Diagnostics;
using System.Numerics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Counts latencies, each to within a 256th of it, in memory that does not grow: buckets for each power of two, as
/// HdrHistogram has them. A request's latency is that of its round.
/// </summary>
internal sealed class LatencyHistogram : IRoundLog
{
    private const int PartBits = 8; // 256 buckets for a power of two.
    private const int Parts = 1 << PartBits;

    private readonly long[] _counts = new long[(64 - PartBits + 1) * Parts];

    /// <summary>How many requests were answered.</summary>
    public long Count { get; private set; }

    /// <summary>When the last one was: a timestamp.</summary>
    public long LastAnswered { get; private set; }

    public void Add(long due, long answered, int requests)
    {
        _counts[BucketOf(answered - due)] += requests;
        Count += requests;
        LastAnswered = answered;
    }

    /// <summary>A latency that such a part of all requests did not exceed, in microseconds.</summary>
    public double Percentile(double part)
    {
        long before = (long)(part * (Count - 1));
        int bucket = 0;
        for (long seen = _counts[0]; seen <= before; seen += _counts[bucket]) bucket++;
        return MiddleOf(bucket) * 1e6 / Stopwatch.Frequency;
    }

    // Buckets of ticks: 0 to 255 one by one, then 256 for each further power of two.
    private static int BucketOf(long ticks)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)ticks) - PartBits);
        return shift * Parts + (int)(ticks >> shift);
    }

    private static double MiddleOf(int bucket)
    {
        int shift = Math.Max(0, bucket / Parts - 1);
        return ((long)(bucket - shift * Parts) << shift) + ((1L << shift) - 1) / 2.0;
    }
}
