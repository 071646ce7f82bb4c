using System.Diagnostics.Metrics;
using System.Text.Json;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The metrics of the wire. Labels never contain keys.</summary>
public sealed class WireMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "KestrelKv.Wire";

    /// <summary>The reasons for which connections are refused.</summary>
    private static readonly ErrorCode[] RefusalReasons = [ErrorCode.ProtectedMode, ErrorCode.TooManyConnections];

    private static readonly CloseReason[] CloseReasons = Enum.GetValues<CloseReason>();

    private readonly WireConnections _connections;
    private readonly Histogram<double> _duration;
    private readonly long[] _refused = new long[ErrorCodes.Count];
    private readonly long[] _closed = new long[CloseReasons.Length];
    private long _accepted;

    /// <summary>Publishes the metrics of <paramref name="connections"/>.</summary>
    public WireMetrics(IMeterFactory meters, WireConnections connections)
    {
        _connections = connections;
        Meter meter = meters.Create(MeterName);

        meter.CreateObservableCounter("kestrelkv.wire.requests", Requests, "{request}",
            "Requests answered, by function and outcome: ok, or an error code.");
        _duration = meter.CreateHistogram<double>("kestrelkv.wire.request.duration", "s",
            "Time from receiving a request to sending its reply, recorded once per batch: requests that arrive together share it.",
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
            "Open connections.");

        // Observed, not recorded, so that each reason exists from the start with the value 0. Prometheus' rate() and increase() miss the
        // first event of a series that begins with it.
        meter.CreateObservableCounter("kestrelkv.wire.connections.accepted", () => Volatile.Read(ref _accepted), "{connection}",
            "Accepted connections.");
        meter.CreateObservableCounter("kestrelkv.wire.connections.refused", Refused, "{connection}",
            "Refused connections, by error code.");
        meter.CreateObservableCounter("kestrelkv.wire.connections.closed", Closed, "{connection}",
            "Closed connections, refused ones excluded, by reason.");

        meter.CreateObservableCounter("kestrelkv.wire.received", () => connections.Sum().BytesReceived, "By",
            "Bytes of frames received.");
        meter.CreateObservableCounter("kestrelkv.wire.sent", () => connections.Sum().BytesSent, "By",
            "Bytes of frames sent.");
    }

    internal void RecordDuration(TimeSpan duration) => _duration.Record(duration.TotalSeconds);

    internal void CountAccepted() => Interlocked.Increment(ref _accepted);

    internal void CountRefused(ErrorCode reason) => Interlocked.Increment(ref _refused[(int)reason]);

    internal void CountClosed(CloseReason reason) => Interlocked.Increment(ref _closed[(int)reason]);

    private IEnumerable<Measurement<long>> Refused() => RefusalReasons.Select(reason =>
        new Measurement<long>(Volatile.Read(ref _refused[(int)reason]), Tag("reason", ErrorCodes.Text(reason))));

    private IEnumerable<Measurement<long>> Closed() => CloseReasons.Select(reason =>
        new Measurement<long>(Volatile.Read(ref _closed[(int)reason]),
            Tag("reason", JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString()))));

    private IEnumerable<Measurement<long>> Requests()
    {
        ConnectionCounters sum = _connections.Sum();
        foreach (Function function in Enum.GetValues<Function>())
        {
            if (function != Function.Invalid) yield return new(sum.Answered(function), FunctionTag(function), Tag("outcome", "ok"));
            foreach (ErrorCode code in OutcomesOf(function))
                yield return new(sum.Errors(code, function), FunctionTag(function), Tag("outcome", ErrorCodes.Text(code)));
        }
    }

    private static IEnumerable<ErrorCode> OutcomesOf(Function function) => function switch
    {
        Function.Invalid => ErrorCodes.OfRequests,
        Function.Unknown => [],
        _ => Functions.Of(function).Outcomes,
    };

    private static KeyValuePair<string, object?> FunctionTag(Function function) => Tag("function", function switch
    {
        Function.Invalid => "invalid",
        Function.Unknown => "unknown",
        _ => Functions.Of(function).Name,
    });

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
