using System.Diagnostics.Metrics;

namespace KestrelKv.Client.Testing;

/// <summary>Creates the meters of one server.</summary>
internal sealed class MeterSource : IMeterFactory
{
    private readonly List<Meter> _meters = [];

    public Meter Create(MeterOptions options)
    {
        var meter = new Meter(options);
        _meters.Add(meter);
        return meter;
    }

    public void Dispose() => _meters.ForEach(meter => meter.Dispose());
}
