namespace KestrelKv.Cli.Top;

/// <summary>The figures of one interval. A figure that the source does not have is null.</summary>
internal sealed record TopSample
{
    // A server that starts raises its version to the milliseconds since 1970 times 1,024. Commits are slower than this clock.
    private const double RestartRate = 1_024_000;

    public required DateTimeOffset Time { get; init; }

    /// <summary>The length of the interval in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary><c>metrics</c> for the metrics over HTTP, or <c>info</c> for the function INFO, which has fewer figures.</summary>
    public required string Source { get; init; }

    /// <summary>Requests per second by function, without those of none. Requests over HTTP are not counted.</summary>
    public IReadOnlyDictionary<string, double>? Requests { get; init; }

    /// <summary>Failed requests per second by error code, without codes of none.</summary>
    public IReadOnlyDictionary<string, double>? Errors { get; init; }

    /// <summary>The time of requests in the server. Null also if there were none.</summary>
    public Percentiles? Latency { get; init; }

    /// <summary>Commits per second; null if the server was restarted in the interval.</summary>
    public double? Commits { get; init; }

    /// <summary>Syncs of the write-ahead log per second.</summary>
    public double? Syncs { get; init; }

    /// <summary>The duration of syncs. Null also if there were none.</summary>
    public Percentiles? SyncLatency { get; init; }

    public double? ReceivedBytes { get; init; }

    public double? SentBytes { get; init; }

    /// <summary>Processor time per second, 1 for one core.</summary>
    public double? Cpu { get; init; }

    public long? Connections { get; init; }

    public long? Watches { get; init; }

    /// <summary>The number of commits that are not synced, and so not visible to watches; 0 if the server does not sync.</summary>
    public long? FeedLag { get; init; }

    public long? Keys { get; init; }

    /// <summary>The bytes of keys and values.</summary>
    public long? Bytes { get; init; }

    /// <summary>The bytes of memory of entries and indexes.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>The limit of <see cref="MemoryBytes"/>; 0 for none.</summary>
    public long? MemoryLimitBytes { get; init; }

    /// <summary>The bytes of physical memory of the process.</summary>
    public long? ProcessBytes { get; init; }

    /// <summary>Evicted, expired, and for lack of memory refused keys per second.</summary>
    public (double? Evicted, double? Expired, double? Refused) Removals { get; init; }

    /// <summary>The total of <see cref="Requests"/>.</summary>
    public double? RequestsTotal => Requests?.Values.Sum();

    /// <summary>The total of <see cref="Errors"/>.</summary>
    public double? ErrorsTotal => Errors?.Values.Sum();

    /// <summary>Returns <see cref="Commits"/>.</summary>
    /// <param name="before">The version at the beginning of the interval.</param>
    /// <param name="version">The version at its end.</param>
    /// <param name="seconds">The length of the interval.</param>
    /// <param name="isRestart">Whether other figures show a restart.</param>
    public static double? CommitsOf(double? before, double? version, double seconds, bool isRestart)
    {
        double? rate = (version - before) / seconds;
        return isRestart || rate is < 0 or >= RestartRate ? null : rate;
    }

    /// <summary>Returns <see cref="FeedLag"/>.</summary>
    /// <param name="version">The version of the last commit.</param>
    /// <param name="durable">The version of the last synced one; 0 if the server does not sync.</param>
    public static long? LagOf(long? version, long? durable) =>
        version is null || durable is null ? null : durable == 0 ? 0 : Math.Max(0, version.Value - durable.Value);
}
