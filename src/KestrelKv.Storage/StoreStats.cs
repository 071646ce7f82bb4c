namespace KestrelKv.Storage;

/// <summary>Figures of a store.</summary>
/// <param name="Keys">How many entries there are, those included that have expired but are not yet removed.</param>
/// <param name="Bytes">Bytes of their keys and values together.</param>
/// <param name="Version">The version of the last commit; 0 where there was none.</param>
/// <param name="MemoryBytes">Bytes of memory that entries and all that finds them take, as far as the store counts them.</param>
public readonly record struct StoreStats(long Keys, long Bytes, long Version, long MemoryBytes = 0);
