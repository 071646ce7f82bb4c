using System.Diagnostics.Metrics;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Server.Telemetry;

/// <summary>The metrics of the write-ahead log and the snapshots. They exist only if the server has a data directory.</summary>
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
            "Commits synced to disk. Divided by the number of syncs, the average group commit size.");
        meter.CreateObservableGauge("kestrelkv.store.log.size", () => Stats.LogBytes, "By",
            "Bytes of the write-ahead log that the next start replays.");
        meter.CreateObservableGauge("kestrelkv.store.history.size", () => Stats.HistoryBytes, "By",
            "Bytes of historical log segments, which serve the change feed.");
        meter.CreateObservableGauge("kestrelkv.store.disk.state", () => (int)Stats.Disk, null,
            "State of the disk: 0 is writable, 1 is full, 2 has failed.");

        // Without a snapshot, these gauges report no value.
        meter.CreateObservableGauge("kestrelkv.store.snapshot.version", () => OfSnapshot(snapshot => (double)snapshot.Version), null,
            "Version of the newest snapshot.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.age", () => OfSnapshot(Age), "s",
            "Time since the newest snapshot was finished.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.duration", () => OfSnapshot(snapshot => snapshot.Duration.TotalSeconds), "s",
            "Time taken to write the newest snapshot; 0 if it was written before this start.");
        meter.CreateObservableGauge("kestrelkv.store.snapshot.size", () => OfSnapshot(snapshot => snapshot.Bytes), "By",
            "Size of the newest snapshot file in bytes.");
        meter.CreateObservableCounter("kestrelkv.store.snapshot.failures", () => Stats.SnapshotFailures, "{snapshot}",
            "Snapshots that could not be written.");
    }

    private DurabilityStats Stats => _directory.GetStats();

    private IEnumerable<Measurement<double>> OfSnapshot(Func<SnapshotInfo, double> figure) =>
        Stats.LastSnapshot is { } snapshot ? [new(figure(snapshot))] : [];

    private double Age(SnapshotInfo snapshot) => Math.Max(0, (_time.GetUtcNow() - snapshot.At).TotalSeconds);
}
