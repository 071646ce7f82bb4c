namespace KestrelKv.Benchmarks.Loads;

/// <summary>Clients that close each connection after a number of calls. Each makes one call at a time.</summary>
internal sealed record CallOptions(LoadOptions Load, int CallsPerConnection, CloseKind Close);
