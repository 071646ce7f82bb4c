namespace KestrelKv.Benchmarks.Loads;

/// <summary>What clients of <see cref="CallLoad"/> measured.</summary>
/// <param name="Load">Calls, and the latency of each.</param>
/// <param name="Connections">How many connections they opened.</param>
internal sealed record CallResult(LoadResult Load, long Connections);
