using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace KestrelKv.Wire.Tests;

/// <summary>Creates meters and listens only to them.</summary>
internal sealed class MetricsProbe : IMeterFactory
{
    private readonly List<Meter> _meters = [];
    private readonly ConcurrentDictionary<string, long> _counts = new();
    private readonly ConcurrentQueue<double> _durations = new();
    private readonly MeterListener _listener = new();

    public MetricsProbe()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (_meters.Contains(instrument.Meter)) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, Name(instrument, tags)));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, Name(instrument, tags)));
        _listener.SetMeasurementEventCallback<double>((_, value, _, _) => _durations.Enqueue(value));
        _listener.Start();
    }

    public IReadOnlyCollection<double> Durations => _durations;

    public Meter Create(MeterOptions options)
    {
        var meter = new Meter(options);
        _meters.Add(meter);

        // Instruments are published when they are created, so the meter must be known before.
        return meter;
    }

    /// <summary>The value of a metric, such as <c>kestrelkv.wire.requests{function=GET,outcome=ok}</c>; 0 if it does not exist.</summary>
    public long this[string name]
    {
        get
        {
            _listener.RecordObservableInstruments();
            return _counts.GetValueOrDefault(name);
        }
    }

    /// <summary>Stops listening. Records then cost what they cost without a listener.</summary>
    public void Dispose()
    {
        _listener.Dispose();
        _meters.ForEach(meter => meter.Dispose());
    }

    private static string Name(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        tags.IsEmpty ? instrument.Name : $"{instrument.Name}{{{string.Join(",", tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}}}";

    private void Take(Instrument instrument, long value, string name)
    {
        if (instrument.IsObservable) _counts[name] = value;
        else _counts.AddOrUpdate(name, value, (_, before) => before + value);
    }
}
