namespace KestrelKv.Cli.Bench;

/// <summary>The source of the requests of all connections. Thread-safe.</summary>
internal interface IBenchWork
{
    /// <summary>Waits until the next round may start.</summary>
    /// <returns>The timestamp from which its latency counts; 0 if no round is left.</returns>
    ValueTask<long> StartAsync();

    /// <summary>Fills a round.</summary>
    /// <returns>The number of requests; 0 if none is left.</returns>
    int Take(Span<BenchRequest> round);
}
