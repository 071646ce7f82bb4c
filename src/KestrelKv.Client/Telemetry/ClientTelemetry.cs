using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace KestrelKv.Client.Telemetry;

/// <summary>Spans and metrics, named by the OpenTelemetry conventions for database clients. They cost nothing unless something listens.</summary>
internal static class ClientTelemetry
{
    /// <summary>The name of the source of spans and of the meter.</summary>
    public const string Name = "KestrelKv.Client";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "db.client.operation.duration", "s", "Duration of calls, retries included.",
        advice: new() { HistogramBucketBoundaries = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] });

    /// <summary>Begins the measurement of a call. A batch is one operation.</summary>
    public static Measurement Begin(string operation, string host, int port)
    {
        Activity? activity = null;
        if (Source.HasListeners())
        {
            activity = Source.StartActivity(operation, ActivityKind.Client);
            if (activity is { IsAllDataRequested: true })
            {
                activity.SetTag("db.system.name", "kestrelkv").SetTag("db.operation.name", operation)
                    .SetTag("server.address", host).SetTag("server.port", port);
            }
        }
        return new(operation, host, port, activity, Duration.Enabled ? Stopwatch.GetTimestamp() : 0);
    }

    /// <summary>The measurement of one call. Must be ended.</summary>
    public readonly struct Measurement(string operation, string host, int port, Activity? activity, long begunAt)
    {
        /// <summary>The span to name in the request: that of the call, or the current one.</summary>
        public Activity? Activity => activity ?? Activity.Current;

        public void End(Exception? error = null)
        {
            if (activity is null && begunAt == 0) return;
            string? type = error switch
            {
                null => null,
                RefusedException refused => refused.Code,
                _ => error.GetType().FullName,
            };
            if (activity is not null)
            {
                if (type is not null) activity.SetTag("error.type", type).SetStatus(ActivityStatusCode.Error, error!.Message);
                activity.Dispose();
            }
            if (begunAt == 0) return;
            var tags = new TagList
            {
                { "db.system.name", "kestrelkv" }, { "db.operation.name", operation }, { "server.address", host }, { "server.port", port },
            };
            if (type is not null) tags.Add("error.type", type);
            Duration.Record(Stopwatch.GetElapsedTime(begunAt).TotalSeconds, tags);
        }
    }
}
