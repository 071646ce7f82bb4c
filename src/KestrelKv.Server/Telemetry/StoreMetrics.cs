using System.Diagnostics.Metrics;
using KestrelKv.Storage;

namespace KestrelKv.Server.Telemetry;

/// <summary>The store's metrics.</summary>
internal sealed class StoreMetrics
{
    public const string MeterName = "KestrelKv.Store";

    public StoreMetrics(IMeterFactory meters, IKeyValueStore store)
    {
        Meter meter = meters.Create(MeterName);
        meter.CreateObservableGauge("kestrelkv.store.keys", () => store.GetStats().Keys, "{key}",
            "Keys in the store.");
        meter.CreateObservableGauge("kestrelkv.store.size", () => store.GetStats().Bytes, "By",
            "Bytes of keys and values in the store.");
        meter.CreateObservableGauge("kestrelkv.store.memory", () => store.GetStats().MemoryBytes, "By",
            "Bytes of memory that the store's entries take, with all that finds them.");
        meter.CreateObservableGauge("kestrelkv.store.memory.limit", () => store.GetStats().MemoryBytesMax, "By",
            "Bytes of memory that they may take; 0 for no limit.");
        meter.CreateObservableCounter("kestrelkv.store.expirations", () => store.GetStats().Expirations, "{key}",
            "Keys removed because they had expired.");
        meter.CreateObservableCounter("kestrelkv.store.evictions", () => store.GetStats().Evictions, "{key}",
            "Keys removed to make room for others.");
        meter.CreateObservableCounter("kestrelkv.store.refusals", () => store.GetStats().Refusals, "{write}",
            "Writes refused because the memory was full.");
        meter.CreateObservableGauge("kestrelkv.store.version", () => store.GetStats().Version, null,
            "Version of the last commit.");
        meter.CreateObservableGauge("kestrelkv.store.version.oldest", () => store.GetStats().OldestVersion, null,
            "The oldest version that a watch can begin with.");
        meter.CreateObservableGauge("kestrelkv.store.watches", () => store.GetStats().Watches, "{watch}",
            "Watches that are open.");
        meter.CreateObservableGauge("kestrelkv.store.request.ids", () => store.GetStats().RequestIds, "{request}",
            "Requests that are remembered, so that they are not done again.");
    }
}
