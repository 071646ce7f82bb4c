namespace KestrelKv.Storage.Postgres;

/// <summary>
/// The clock of a door: that of the system, but never earlier than that of the newest commit that the door has seen. An entry that
/// expired for a write of one door is therefore expired for all doors that have seen the write.
/// </summary>
internal sealed class DoorClock(TimeProvider time) : TimeProvider
{
    private long _floor;

    /// <inheritdoc/>
    public override long TimestampFrequency => time.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(Now());

    /// <inheritdoc/>
    public override long GetTimestamp() => time.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);

    /// <summary>Returns the current time in milliseconds of Unix time.</summary>
    public long Now() => Math.Max(time.GetUtcNow().ToUnixTimeMilliseconds(), Volatile.Read(ref _floor));

    /// <summary>Raises the clock to that of a commit.</summary>
    public void Observe(long clock)
    {
        for (long floor; (floor = Volatile.Read(ref _floor)) < clock;)
            if (Interlocked.CompareExchange(ref _floor, clock, floor) == floor) return;
    }
}
