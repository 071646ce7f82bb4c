using System.Diagnostics.Metrics;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The wire's metrics. No key is ever a label.</summary>
public sealed class WireMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "KestrelKv.Wire";

    private readonly WireConnections _connections;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _closed;

    /// <summary>Publishes the metrics of <paramref name="connections"/>.</summary>
    public WireMetrics(IMeterFactory meters, WireConnections connections)
    {
        _connections = connections;
        Meter meter = meters.Create(MeterName);

        meter.CreateObservableCounter("kestrelkv.wire.requests", Requests, "{request}",
            "Requests answered, by function and outcome: ok, or an error code.");
        _duration = meter.CreateHistogram<double>("kestrelkv.wire.request.duration", "s",
            "Time from having received a request to having sent its reply, taken once a batch: requests that arrive together take equally long.",
            tags: null,
            new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries =
                [
                    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5,
                    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
                ],
            });

        meter.CreateObservableUpDownCounter("kestrelkv.wire.connections", () => connections.Count, "{connection}",
            "Connections open now.");
        _accepted = meter.CreateCounter<long>("kestrelkv.wire.connections.accepted", "{connection}",
            "Connections let in.");
        _refused = meter.CreateCounter<long>("kestrelkv.wire.connections.refused", "{connection}",
            "Connections turned away, by error code.");
        _closed = meter.CreateCounter<long>("kestrelkv.wire.connections.closed", "{connection}",
            "Connections ended after having been let in, by reason.");

        meter.CreateObservableCounter("kestrelkv.wire.received", () => connections.Sum().BytesReceived, "By",
            "Bytes of frames received.");
        meter.CreateObservableCounter("kestrelkv.wire.sent", () => connections.Sum().BytesSent, "By",
            "Bytes of frames sent.");
    }

    internal void RecordDuration(TimeSpan duration) => _duration.Record(duration.TotalSeconds);

    internal void CountAccepted() => _accepted.Add(1);

    internal void CountRefused(ErrorCode reason) => _refused.Add(1, Tag("reason", ErrorCodes.Text(reason)));

    internal void CountClosed(CloseReason reason) =>
        _closed.Add(1, Tag("reason", System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString())));

    private IEnumerable<Measurement<long>> Requests()
    {
        ConnectionCounters sum = _connections.Sum();
        yield return new(sum.Gets, Tag("function", "GET"), Tag("outcome", "ok"));
        yield return new(sum.Puts, Tag("function", "PUT"), Tag("outcome", "ok"));
        yield return new(sum.Unknowns, Tag("function", "unknown"), Tag("outcome", "ok"));
        for (ErrorCode code = ErrorCode.None + 1; (int)code < ErrorCodes.Count; code++)
            yield return new(sum.Errors(code), Tag("function", "invalid"), Tag("outcome", ErrorCodes.Text(code)));
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
