namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Numbers in a Zipf distribution: the i-th most common number is 1/i^0.99 times as frequent as the most common, as in YCSB (Cooper et
/// al.: Benchmarking cloud serving systems with YCSB, 2010). The algorithm is from Gray et al.: Quickly generating billion-record
/// synthetic databases, 1994.
/// </summary>
/// <remarks>
/// Common numbers are spread over the whole range: ranks are multiplied by a prime greater than their count, modulo the count, which
/// keeps them distinct.
/// </remarks>
internal sealed class ZipfNumbers
{
    private const double Theta = 0.99;
    private const double Alpha = 1 / (1 - Theta);
    private const long Prime = 2_654_435_761;

    private readonly int _count;
    private readonly double _zeta;
    private readonly double _eta;

    /// <param name="count">The exclusive upper bound of the numbers.</param>
    public ZipfNumbers(int count)
    {
        _count = count;
        for (int i = 1; i <= count; i++) _zeta += Math.Pow(i, -Theta);
        _eta = (1 - Math.Pow(2.0 / count, 1 - Theta)) / (1 - (1 + Math.Pow(2, -Theta)) / _zeta);
    }

    public int Next(LoadRandom random) => (int)(Rank(random.NextDouble()) * Prime % _count);

    private long Rank(double uniform)
    {
        double share = uniform * _zeta;
        if (share < 1) return 0;
        if (share < 1 + Math.Pow(2, -Theta)) return Math.Min(1, _count - 1);
        return Math.Min((long)(_count * Math.Pow(_eta * uniform - _eta + 1, Alpha)), _count - 1);
    }
}
