using System.Diagnostics.Metrics;
using System.Text.Json;
using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres;

/// <summary>The metrics of a store on PostgreSQL. Labels never contain keys.</summary>
public sealed class PostgresMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "KestrelKv.Storage.Postgres";

    private static readonly KeyValuePair<string, object?>[] TripTags =
        [.. Enum.GetValues<TripKind>().Select(kind => Tag("trip", TripName(kind)))];

    private static readonly KeyValuePair<string, object?> Write = Tag("kind", "write");
    private static readonly KeyValuePair<string, object?> Read = Tag("kind", "read");
    private static readonly KeyValuePair<string, object?> Unfenced = Tag("kind", "unfenced");

    private static readonly GroupOutcome[] Outcomes = Enum.GetValues<GroupOutcome>();

    private readonly Meter _meter;
    private readonly Histogram<int> _groupSize;
    private readonly Histogram<double> _tripDuration;
    private readonly long[] _outcomes = new long[Outcomes.Length];
    private bool _ownsMeter;
    private long _fences;
    private long _retries;

    /// <summary>Creates the instruments. Those that observe a store follow when it opens.</summary>
    /// <param name="meters">The factory of the meter.</param>
    public PostgresMetrics(IMeterFactory meters)
        : this(meters.Create(MeterName))
    {
    }

    internal PostgresMetrics(Meter meter)
    {
        _meter = meter;
        _groupSize = meter.CreateHistogram<int>("kestrelkv.postgres.group.size", "{operation}",
            "Operations of a group, which share a transaction, by kind.",
            tags: null,
            new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000] });

        // From a primary in the same rack up to a standby that is lost.
        _tripDuration = meter.CreateHistogram<double>("kestrelkv.postgres.trip.duration", "s",
            "Duration of a round trip to the database, by purpose.",
            tags: null,
            new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries =
                [
                    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
                ],
            });

        // Observed, not recorded, so that each outcome exists from the start with the value 0.
        meter.CreateObservableCounter("kestrelkv.postgres.fences", () => Volatile.Read(ref _fences), "{fence}",
            "Acknowledged read fences.");
        meter.CreateObservableCounter("kestrelkv.postgres.outcomes", OutcomeCounts, "{group}",
            "Write groups whose commit was not acknowledged, by the outcome that was determined.");
        meter.CreateObservableCounter("kestrelkv.postgres.retries", () => Volatile.Read(ref _retries), "{trip}",
            "Trips that failed and were repeated.");
    }

    /// <summary>Creates metrics with a meter of their own.</summary>
    internal static PostgresMetrics Create() => new(new Meter(MeterName)) { _ownsMeter = true };

    /// <summary>Creates the instruments of an open store.</summary>
    internal void Observe(PrimaryFinder finder, PrimaryMonitor monitor, HealthCheck health, SessionPool sessions, Func<long> feedLag)
    {
        _meter.CreateObservableCounter("kestrelkv.postgres.failovers", () => finder.Failovers, "{failover}",
            "Times that another host became the primary.");
        _meter.CreateObservableGauge("kestrelkv.postgres.sessions", () => SessionCounts(sessions), "{session}",
            "Database sessions, by state: in use, idle, or abandoned until the server ends their trip.");
        _meter.CreateObservableGauge("kestrelkv.postgres.feed.lag", feedLag, "{version}",
            "Versions that this server knows and has not published to watches; 0 without watches.");
        _meter.CreateObservableGauge("kestrelkv.postgres.healthy", () => health.IsHealthy ? 1 : 0, null,
            "Whether the primary acknowledges commits, its settings keep them, and no history was lost: 0 or 1.");
        _meter.CreateObservableGauge("kestrelkv.postgres.replication.safe", () => monitor.UnsafeSetting is null ? 1 : 0, null,
            "Whether the settings of the primary keep acknowledged writes: 0 or 1.");
    }

    /// <summary>Removes the instruments, unless a factory owns the meter.</summary>
    internal void Close()
    {
        if (_ownsMeter) _meter.Dispose();
    }

    internal void RecordTrip(TripKind kind, TimeSpan duration) => _tripDuration.Record(duration.TotalSeconds, TripTags[(int)kind]);

    internal void RecordWriteGroup(int operations) => _groupSize.Record(operations, Write);

    internal void RecordReadGroup(int operations, bool isFenced) => _groupSize.Record(operations, isFenced ? Read : Unfenced);

    internal void CountFence() => Interlocked.Increment(ref _fences);

    internal void CountRetry() => Interlocked.Increment(ref _retries);

    internal void CountOutcome(GroupOutcome outcome) => Interlocked.Increment(ref _outcomes[(int)outcome]);

    private static string TripName(TripKind kind) => kind switch
    {
        _ => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString()),
    };

    private static IEnumerable<Measurement<int>> SessionCounts(SessionPool sessions)
    {
        (int inUse, int idle, int abandoned) = sessions.Counts;
        return [new(inUse, Tag("state", "in_use")), new(idle, Tag("state", "idle")), new(abandoned, Tag("state", "abandoned"))];
    }

    private IEnumerable<Measurement<long>> OutcomeCounts() => Outcomes.Select(outcome => new Measurement<long>(
        Volatile.Read(ref _outcomes[(int)outcome]), Tag("outcome", JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.ToString()))));

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

/// <summary>The outcome of a write group whose commit was not acknowledged.</summary>
internal enum GroupOutcome
{
    Committed,
    Aborted,
    Unknown,
}
