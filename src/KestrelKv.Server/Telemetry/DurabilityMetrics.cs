using System.Diagnostics.Metrics;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Telemetry;

/// <summary>The metrics of what makes the store durable. A server without a data directory has none of them.</summary>
internal sealed class DurabilityMetrics
{
    private readonly DataDirectory _directory;
    private readonly TimeProvider _time;

    public DurabilityMetrics(IMeterFactory meters, DataDirectory directory, TimeProvider time)
    {
        _directory = directory;
        _time = time;
        Meter meter = meters.Create(StoreMetrics.MeterName);

        meter.CreateObservableGauge("kestrelkv.store.version.durable", () => Stats.DurableVersion, null,
            "Version of the last commit that is synced to disk.");
        meter.CreateObservableCounter("kestrelkv.store.syncs", () => Stats.Syncs, "{sync}",
            "Syncs of the write-ahead log.");
        meter.CreateObservableCounter("kestrelkv.store.commits.synced", () => Stats.CommitsSynced, "{commit}",
            "Commits synced; by the number of syncs, this is how many share one.");
        meter.CreateObservableGauge("kestrelkv.store.log.size", () => Stats.LogBytes, "By",
            "Bytes of the write-ahead log that a start would read.");
        meter.CreateObservableGauge("kestrelkv.store.history.size", () => Stats.HistoryBytes, "By",
            "Bytes of the log that are kept beyond that, for the change feed.");
        meter.CreateObservableGauge("kestrelkv.store.disk.state", () => (int)Stats.Disk, null,
            "What the disk does: 0 takes writes, 1 is full, 2 has failed.");

        // Without a snapshot these have no value, rather than a wrong one.
        meter.CreateObservableGauge("kestrelkv.store.snapshot.version", () => OfSnapshot(snapshot => (double)snapshot.Version), null,
            "Version that the newest snapshot has.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.age", () => OfSnapshot(Age), "s",
            "Time since the newest snapshot was finished.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.duration", () => OfSnapshot(snapshot => snapshot.Duration.TotalSeconds), "s",
            "Time that the newest snapshot took; 0 where it is from before the start.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.size", () => OfSnapshot(snapshot => snapshot.Bytes), "By",
            "Bytes of the newest snapshot's file.");
        meter.CreateObservableCounter("kestrelkv.store.snapshot.failures", () => Stats.SnapshotFailures, "{snapshot}",
            "Snapshots that could not be written.");
    }

    private DurabilityStats Stats => _directory.GetStats();

    private IEnumerable<Measurement<double>> OfSnapshot(Func<SnapshotInfo, double> figure) =>
        Stats.LastSnapshot is { } snapshot ? [new(figure(snapshot))] : [];

    private double Age(SnapshotInfo snapshot) => Math.Max(0, (_time.GetUtcNow() - snapshot.At).TotalSeconds);
}
