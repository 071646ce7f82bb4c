using System.Diagnostics.Metrics;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Records sync durations. This class is separate from <see cref="DurabilityMetrics"/> because syncs begin when the store opens.
/// </summary>
internal sealed class SyncMetrics(IMeterFactory meters)
{
    // The range covers a battery-backed disk up to a disk that is about to fail.
    private readonly Histogram<double> _duration = meters.Create(StoreMetrics.MeterName).CreateHistogram<double>(
        "kestrelkv.store.sync.duration", "s", "Duration of a sync of the write-ahead log.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
            [
                0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
            ],
        });

    /// <summary>Records a sync duration. Thread-safe.</summary>
    public void Record(TimeSpan duration) => _duration.Record(duration.TotalSeconds);
}
