namespace KestrelKv.Benchmarks.Loads;

internal enum KeyDistribution
{
    /// <summary>Each key as often as any other.</summary>
    Uniform,

    /// <summary>Few keys often, as <see cref="ZipfNumbers"/> has it.</summary>
    Zipf,
}
