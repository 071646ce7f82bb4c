namespace KestrelKv.Storage.Embedded;

/// <summary>The clock of a store: expiry, and the times of last use. Safe for use by many threads.</summary>
/// <remarks>
/// An entry that was seen as expired must stay gone. So the time does not follow a system clock that is set back before all entries
/// that had expired are removed (<see cref="FollowBack"/>).
/// </remarks>
internal sealed class StoreClock(TimeProvider time) : TimeProvider
{
    /// <summary>One unit of <see cref="UseTime"/>: 32 bits last for 198 days.</summary>
    private static readonly TimeSpan UseTimeUnit = TimeSpan.FromMilliseconds(4);

    private readonly long _start = time.GetTimestamp();
    private long _latest;
    private uint _useTime;

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

    /// <summary>The time in milliseconds of Unix time. To be read under the lock of what it is compared with.</summary>
    public long Now()
    {
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        for (long latest; (latest = Volatile.Read(ref _latest)) < now;)
            if (Interlocked.CompareExchange(ref _latest, now, latest) == latest) return now;
        return Volatile.Read(ref _latest);
    }

    /// <summary>
    /// Follows a system clock that was set back. To be called when nothing is left that has expired by <paramref name="latest"/>, under
    /// the locks of all shards.
    /// </summary>
    public void FollowBack(long latest) =>
        Interlocked.CompareExchange(ref _latest, time.GetUtcNow().ToUnixTimeMilliseconds(), latest);

    /// <summary>Whether the system clock is behind, which it is after it was set back.</summary>
    public bool IsAhead(long now) => time.GetUtcNow().ToUnixTimeMilliseconds() < now;

    /// <summary>
    /// The time of last use of entries that are used now, in units of 4 milliseconds that wrap around. It changes only in
    /// <see cref="RefreshUseTime"/>, which is called once for many uses, and never goes back: a time in the future would look as
    /// if it were 198 days old.
    /// </summary>
    public uint UseTime => Volatile.Read(ref _useTime);

    /// <summary>Sets <see cref="UseTime"/> to the present.</summary>
    public void RefreshUseTime()
    {
        uint now = (uint)(time.GetElapsedTime(_start).Ticks / UseTimeUnit.Ticks);
        for (uint latest; (int)(now - (latest = UseTime)) > 0;)
            if (Interlocked.CompareExchange(ref _useTime, now, latest) == latest) return;
    }
}
