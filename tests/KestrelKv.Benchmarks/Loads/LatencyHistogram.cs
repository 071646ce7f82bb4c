using System.Diagnostics;
using System.Numerics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Counts latencies with a relative error of at most 1/256, in constant memory: 256 buckets per power of two, as in HdrHistogram. The
/// latency of a request is that of its round.
/// </summary>
internal sealed class LatencyHistogram : IRoundLog
{
    private const int PartBits = 8; // 256 buckets per power of two.
    private const int Parts = 1 << PartBits;

    private readonly long[] _counts = new long[(64 - PartBits + 1) * Parts];

    public long Count { get; private set; }

    /// <summary>The timestamp of the last reply.</summary>
    public long LastAnswered { get; private set; }

    public void Add(long due, long answered, int requests)
    {
        _counts[BucketOf(answered - due)] += requests;
        Count += requests;
        LastAnswered = answered;
    }

    /// <summary>Returns the latency, in microseconds, that the given fraction of all requests did not exceed.</summary>
    public double Percentile(double fraction)
    {
        long before = (long)(fraction * (Count - 1));
        int bucket = 0;
        for (long seen = _counts[0]; seen <= before; seen += _counts[bucket]) bucket++;
        return MiddleOf(bucket) * 1e6 / Stopwatch.Frequency;
    }

    // Buckets of ticks: 0 to 255 have one each, each further power of two has 256.
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
