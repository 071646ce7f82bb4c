using System.Diagnostics.Metrics;
using KestrelKv.Storage;

namespace KestrelKv.Server.Telemetry;

/// <summary>The metrics of the store.</summary>
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
            "Bytes of memory used by the store's entries and indexes.");
        meter.CreateObservableGauge("kestrelkv.store.memory.limit", () => store.GetStats().MemoryBytesMax, "By",
            "Memory limit of the store in bytes; 0 if there is no limit.");
        meter.CreateObservableCounter("kestrelkv.store.expirations", () => store.GetStats().Expirations, "{key}",
            "Keys removed because they had expired.");
        meter.CreateObservableCounter("kestrelkv.store.evictions", () => store.GetStats().Evictions, "{key}",
            "Keys evicted to free memory.");
        meter.CreateObservableCounter("kestrelkv.store.refusals", () => store.GetStats().Refusals, "{write}",
            "Writes rejected because the memory limit was reached.");
        meter.CreateObservableGauge("kestrelkv.store.version", () => store.GetStats().Version, null,
            "Version of the last commit.");
        meter.CreateObservableGauge("kestrelkv.store.version.oldest", () => store.GetStats().OldestVersion, null,
            "The oldest version that a watch can start from.");
        meter.CreateObservableGauge("kestrelkv.store.watches", () => store.GetStats().Watches, "{watch}",
            "Open watches.");
        meter.CreateObservableGauge("kestrelkv.store.request.ids", () => store.GetStats().RequestIds, "{request}",
            "Idempotency records held.");
    }
}
