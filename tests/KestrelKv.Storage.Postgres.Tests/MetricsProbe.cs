using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The metrics of one store, and what they report.</summary>
internal sealed class MetricsProbe : IMeterFactory
{
    private readonly Meter _meter = new(PostgresMetrics.MeterName);
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _values = new();

    public MetricsProbe()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == _meter) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Set(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Set(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Set(instrument, value, tags));
        _listener.Start();
        Metrics = new(this);
    }

    public PostgresMetrics Metrics { get; }

    /// <summary>Returns the value of an instrument, or the sum of the values of a histogram; NaN if it has none.</summary>
    /// <param name="name">The name, with the value of its tag in brackets.</param>
    public double Read(string name)
    {
        _listener.RecordObservableInstruments();
        return _values.GetValueOrDefault(name, double.NaN);
    }

    public Meter Create(MeterOptions options) => _meter;

    public void Dispose()
    {
        _listener.Dispose();
        _meter.Dispose();
    }

    private void Set(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string name = tags.IsEmpty ? instrument.Name : string.Create(CultureInfo.InvariantCulture, $"{instrument.Name}[{tags[0].Value}]");
        if (instrument.IsObservable) _values[name] = value;
        else _values.AddOrUpdate(name, value, (_, sum) => sum + value);
    }
}
