using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Telemetry;

/// <summary>Receives the spans and durations of one test, however many other clients the process has.</summary>
/// <remarks>Spans are sampled only under the span of the test, so requests of other tests have no trace. Durations are selected by the server's name.</remarks>
internal sealed class TelemetryProbe : IDisposable
{
    private readonly Channel<Activity> _spans = Channel.CreateUnbounded<Activity>();
    private readonly Channel<Dictionary<string, object?>> _durations = Channel.CreateUnbounded<Dictionary<string, object?>>();
    private readonly ActivityListener _spanListener;
    private readonly MeterListener _durationListener = new();

    public TelemetryProbe()
    {
        Caller = new Activity("test").SetIdFormat(ActivityIdFormat.W3C);
        Caller.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        Caller.Start();
        _spanListener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "KestrelKv.Client",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == Caller.TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = span => _spans.Writer.TryWrite(span),
        };
        ActivitySource.AddActivityListener(_spanListener);
        _durationListener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "KestrelKv.Client" && instrument.Name == "db.client.operation.duration") listener.EnableMeasurementEvents(instrument);
        };
        _durationListener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            Dictionary<string, object?> all = new(tags.ToArray());
            if (Host.Equals(all.GetValueOrDefault("server.address"))) _durations.Writer.TryWrite(all);
        });
        _durationListener.Start();
    }

    /// <summary>The name of the server, which no other test uses.</summary>
    public string Host { get; } = $"{Guid.NewGuid():N}.test";

    /// <summary>The span of the test, which is recorded.</summary>
    public Activity Caller { get; }

    /// <summary>Returns the next span that ends.</summary>
    public Task<Activity> ReadSpanAsync() => _spans.Reader.ReadAsync().AsTask().WaitAsync(Wait.Patience);

    /// <summary>Returns the tags of the next duration.</summary>
    public Task<Dictionary<string, object?>> ReadDurationAsync() => _durations.Reader.ReadAsync().AsTask().WaitAsync(Wait.Patience);

    /// <summary>Asserts that all spans and durations have been read.</summary>
    public void AssertEmpty()
    {
        Assert.False(_spans.Reader.TryPeek(out _));
        Assert.False(_durations.Reader.TryPeek(out _));
    }

    public void Dispose()
    {
        _spanListener.Dispose();
        _durationListener.Dispose();
        Caller.Dispose();
    }
}
