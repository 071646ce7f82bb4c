namespace KestrelKv.Storage;

/// <summary>Figures of a store.</summary>
/// <param name="Keys">How many entries there are, those included that have expired but are not yet removed.</param>
/// <param name="Bytes">Bytes of their keys and values together.</param>
/// <param name="Version">The version of the last commit; 0 where there was none.</param>
public readonly record struct StoreStats(long Keys, long Bytes, long Version);
