namespace KestrelKv.Benchmarks.Loads;

/// <summary>The measurements of <see cref="CallLoad"/>.</summary>
internal sealed record CallResult(LoadResult Load, long Connections);
