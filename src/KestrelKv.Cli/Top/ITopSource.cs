namespace KestrelKv.Cli.Top;

/// <summary>A source of figures: the metrics over HTTP, or the function INFO.</summary>
internal interface ITopSource
{
    /// <summary>Reads the counters, and returns the figures since the last call; null at the first one.</summary>
    /// <exception cref="IOException">The server cannot be reached.</exception>
    /// <exception cref="Client.KestrelKvException">The server cannot be reached, or refuses the request.</exception>
    Task<TopSample?> ReadAsync(CancellationToken stop);
}
