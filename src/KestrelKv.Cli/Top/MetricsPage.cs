namespace KestrelKv.Cli.Top;

/// <summary>The metrics of the server at one scrape.</summary>
internal sealed class MetricsPage
{
    private const string RequestsName = "kestrelkv_wire_requests_total";
    private const string VersionName = "kestrelkv_store_version";
    private const string LatencyName = "kestrelkv_wire_request_duration_seconds_bucket";
    private const string SyncLatencyName = "kestrelkv_store_sync_duration_seconds_bucket";

    private readonly Dictionary<string, double> _values = [];
    private readonly Dictionary<string, double> _functions = [];
    private readonly Dictionary<string, double> _errors = [];
    private readonly Histogram _latency = new();
    private readonly Histogram _syncLatency = new();

    /// <param name="text">The text of <c>GET /metrics</c>.</param>
    public MetricsPage(string text)
    {
        foreach (Metric metric in Metric.ParsePage(text))
        {
            if (metric.Name == RequestsName) AddRequests(metric);
            else if (metric.Name is LatencyName or SyncLatencyName && Metric.TryParseNumber(metric.Label("le"), out double bound))
                (metric.Name == LatencyName ? _latency : _syncLatency).Add(bound, metric.Value);
            else Add(_values, metric.Name, metric.Value);
        }
    }

    /// <summary>Whether the page is one of KestrelKv.</summary>
    public bool IsComplete => _values.ContainsKey("kestrelkv_store_keys") && _functions.Count > 0;

    /// <summary>Returns the figures of the interval since an earlier scrape.</summary>
    /// <param name="earlier">The earlier scrape.</param>
    /// <param name="time">The time of this scrape.</param>
    /// <param name="seconds">The time between the scrapes, more than 0.</param>
    public TopSample Since(MetricsPage earlier, DateTimeOffset time, double seconds) => new()
    {
        Time = time,
        Seconds = seconds,
        Source = "metrics",
        Requests = Rates(_functions, earlier._functions, seconds),
        Errors = Rates(_errors, earlier._errors, seconds),
        Latency = _latency.Since(earlier._latency),
        Commits = TopSample.CommitsOf(
            earlier.Gauge(VersionName), Gauge(VersionName), seconds, IsRestartSince(earlier)),
        Syncs = Rate("kestrelkv_store_syncs_total", earlier, seconds),
        SyncLatency = _syncLatency.Since(earlier._syncLatency),
        ReceivedBytes = Rate("kestrelkv_wire_received_bytes_total", earlier, seconds),
        SentBytes = Rate("kestrelkv_wire_sent_bytes_total", earlier, seconds),
        Cpu = Rate("dotnet_process_cpu_time_seconds_total", earlier, seconds),
        Connections = Gauge("kestrelkv_wire_connections"),
        Watches = Gauge("kestrelkv_store_watches"),
        FeedLag = TopSample.LagOf(Gauge(VersionName), Gauge("kestrelkv_store_version_durable")),
        Keys = Gauge("kestrelkv_store_keys"),
        Bytes = Gauge("kestrelkv_store_size_bytes"),
        MemoryBytes = Gauge("kestrelkv_store_memory_bytes"),
        MemoryLimitBytes = Gauge("kestrelkv_store_memory_limit_bytes"),
        ProcessBytes = Gauge("dotnet_process_memory_working_set_bytes"),
        Removals = (Rate("kestrelkv_store_evictions_total", earlier, seconds), Rate("kestrelkv_store_expirations_total", earlier, seconds),
            Rate("kestrelkv_store_refusals_total", earlier, seconds)),
    };

    private void AddRequests(Metric metric)
    {
        Add(_functions, metric.Label("function"), metric.Value);
        if (metric.Label("outcome") is not "ok" and var outcome) Add(_errors, outcome, metric.Value);
    }

    /// <summary>Whether the server was restarted since an earlier scrape: a counter is lower than before.</summary>
    private bool IsRestartSince(MetricsPage earlier) =>
        earlier._functions.Any(before => _functions.GetValueOrDefault(before.Key) < before.Value) ||
        earlier._values.Any(before => before.Key.EndsWith("_total", StringComparison.Ordinal) && _values.GetValueOrDefault(before.Key) < before.Value);

    /// <summary>Returns the value of a metric; null if it is missing.</summary>
    private long? Gauge(string name) => _values.TryGetValue(name, out double value) ? (long)value : null;

    /// <summary>Returns the increase of a counter per second; null if it is missing.</summary>
    private double? Rate(string name, MetricsPage earlier, double seconds) =>
        _values.TryGetValue(name, out double value) ? Increase(value, earlier._values.GetValueOrDefault(name)) / seconds : null;

    private static SortedDictionary<string, double> Rates(Dictionary<string, double> now, Dictionary<string, double> before, double seconds)
    {
        var rates = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach ((string name, double value) in now)
        {
            if (Increase(value, before.GetValueOrDefault(name)) is > 0 and var increase) rates[name] = increase / seconds;
        }
        return rates;
    }

    /// <summary>Returns the increase of a counter. A counter that is lower than before began at 0 again, because the server was restarted.</summary>
    private static double Increase(double now, double before) => now >= before ? now - before : now;

    private static void Add(Dictionary<string, double> to, string name, double value) => to[name] = to.GetValueOrDefault(name) + value;
}
