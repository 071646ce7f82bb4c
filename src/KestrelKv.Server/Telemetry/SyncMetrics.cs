using System.Diagnostics.Metrics;

namespace KestrelKv.Server.Telemetry;

/// <summary>How long syncs take. Apart from the other metrics of durability, as the store tells of syncs from its opening on.</summary>
internal sealed class SyncMetrics(IMeterFactory meters)
{
    // From a disk with a battery behind it to one that is about to fail.
    private readonly Histogram<double> _duration = meters.Create(StoreMetrics.MeterName).CreateHistogram<double>(
        "kestrelkv.store.sync.duration", "s", "Time that a sync of the write-ahead log took.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
            [
                0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
            ],
        });

    /// <summary>Records one; safe for use by any thread.</summary>
    public void Record(TimeSpan duration) => _duration.Record(duration.TotalSeconds);
}
