namespace KestrelKv.Cli.Bench;

/// <summary>The requests of a benchmark.</summary>
internal enum BenchMix
{
    Get,
    Put,
    Mixed,
}
