namespace KestrelKv.Benchmarks.Loads;

internal enum KeyDistribution
{
    Uniform,

    /// <summary>A few keys often, the others seldom: see <see cref="ZipfNumbers"/>.</summary>
    Zipf,
}
