namespace KestrelKv.Benchmarks.Clients;

/// <summary>One measurement, as the benchmark sends it to the process of a client.</summary>
/// <param name="Load">How the calls are made.</param>
/// <param name="Concurrency">The number of callers, or the number of calls in flight of the only caller.</param>
/// <param name="PerSecond">The rate of <see cref="ClientLoad.Paced"/> calls.</param>
internal sealed record ClientTask(ClientLoad Load, int Concurrency = 0, double PerSecond = 0)
{
    /// <summary>The name of the call in <see cref="IClientUnderTest"/>.</summary>
    public string Call { get; init; } = "";

    /// <summary>The duration.</summary>
    public double Seconds { get; init; }
}
