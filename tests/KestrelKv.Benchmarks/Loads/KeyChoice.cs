namespace KestrelKv.Benchmarks.Loads;

internal sealed class KeyChoice(LoadOptions options, LoadRandom random)
{
    private readonly ZipfNumbers? _zipf = options.Distribution == KeyDistribution.Zipf ? new ZipfNumbers(options.Keys) : null;

    public int Next() => _zipf?.Next(random) ?? random.Next(options.Keys);
}
