using System.Diagnostics;
using System.Diagnostics.Metrics;
using KestrelKv.Client.Replies;

namespace KestrelKv.Client.Telemetry;

/// <summary>Spans and metrics, named by the OpenTelemetry conventions for database clients. They cost nothing unless something listens.</summary>
internal static class ClientTelemetry
{
    private static readonly ActivitySource Source = new(KestrelKvClient.TelemetryName);
    private static readonly Meter Meter = new(KestrelKvClient.TelemetryName);
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "db.client.operation.duration", "s", "Duration of calls, retries included.",
        advice: new() { HistogramBucketBoundaries = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] });

    /// <summary>Begins the measurement of a call. A batch is one call with several operations.</summary>
    public static Measurement Begin(string function, int operations, string host, int port)
    {
        Activity? activity = null;
        if (Source.HasListeners())
        {
            TagList tags = TagsOf(function, host, port);
            if (operations > 1) tags.Add("db.operation.batch.size", operations);

            // The call ends in another thread: the span must not remain the current one of the caller's.
            Activity? current = Activity.Current;
            activity = Source.StartActivity(ActivityKind.Client, tags: tags, name: function);
            Activity.Current = current;
        }
        return new(function, host, port, activity, Duration.Enabled ? Stopwatch.GetTimestamp() : 0);
    }

    private static TagList TagsOf(string function, string host, int port) => new()
    {
        { "db.system.name", "kestrelkv" }, { "db.operation.name", function }, { "server.address", host }, { "server.port", port },
    };

    /// <summary>The measurement of one call. Must be ended. The default value measures nothing.</summary>
    public readonly struct Measurement(string function, string host, int port, Activity? activity, long begunAt)
    {
        public bool IsActive => activity is not null || begunAt != 0;

        /// <summary>The span to name in the request: that of the call, or the current one.</summary>
        public Activity? Activity => activity ?? Activity.Current;

        /// <summary>Ends the measurement of a call that has a reply.</summary>
        public void End(ReadOnlySpan<byte> reply)
        {
            if (!IsActive) return;
            string? code = null, type = null, message = null;
            try
            {
                if (ServerError.TryRead(reply, out ServerError error)) (code, type, message) = (error.Code, error.Status is null ? error.Code : null, error.Message);
            }
            catch (KestrelKvException e)
            {
                (type, message) = (e.GetType().FullName, e.Message);
            }
            End(code, type, message);
        }

        /// <summary>Ends the measurement of a call that failed without a reply.</summary>
        public void End(Exception error)
        {
            if (!IsActive) return;
            string? code = (error as RefusedException)?.Code;
            End(code, code ?? error.GetType().FullName, error.Message);
        }

        private void End(string? code, string? error, string? message)
        {
            try
            {
                Report(code, error, message);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A listener has failed. The call must end all the same, and so must those whose replies arrived with its reply.
            }
        }

        private void Report(string? code, string? error, string? message)
        {
            if (activity is not null)
            {
                if (code is not null) activity.SetTag("db.response.status_code", code);
                if (error is not null) activity.SetTag("error.type", error).SetStatus(ActivityStatusCode.Error, message);
                Activity? current = Activity.Current;
                activity.Dispose();
                Activity.Current = current;
            }
            if (begunAt == 0) return;
            TagList tags = TagsOf(function, host, port);
            if (code is not null) tags.Add("db.response.status_code", code);
            if (error is not null) tags.Add("error.type", error);
            Duration.Record(Stopwatch.GetElapsedTime(begunAt).TotalSeconds, tags);
        }
    }
}
