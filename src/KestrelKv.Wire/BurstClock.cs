namespace KestrelKv.Wire;

/// <summary>Tells when a connection has been served for a time without a pause.</summary>
internal sealed class BurstClock(TimeProvider time, TimeSpan burst, TimeSpan pause)
{
    private readonly long _burstTicks = Ticks(time, burst);
    private readonly long _pauseTicks = Ticks(time, pause);
    private long _burstStart;
    private long _lastEnd;

    /// <summary>A batch begins. Its timestamp.</summary>
    public long Start()
    {
        long now = time.GetTimestamp();
        if (now - _lastEnd > _pauseTicks) _burstStart = now;
        return now;
    }

    /// <summary>The batch has waited, and kept no thread from others meanwhile.</summary>
    public void Waited() => _burstStart = time.GetTimestamp();

    /// <summary>A batch has ended. Whether it is time to let others have the thread.</summary>
    public bool End()
    {
        _lastEnd = time.GetTimestamp();
        if (_lastEnd - _burstStart <= _burstTicks) return false;
        _burstStart = _lastEnd;
        return true;
    }

    private static long Ticks(TimeProvider time, TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
