namespace KestrelKv.Storage.Embedded;

/// <summary>The clock of a store: expiry, and the times of last use. Safe for use by many threads.</summary>
/// <remarks>
/// <para>
/// An entry that was seen as expired must stay gone. So the time does not follow a system clock that is set back before all entries
/// that had expired are removed (<see cref="FollowBack"/>). While no entry expires, it is the system's (<see cref="Rest"/>).
/// </para>
/// <para>
/// The clock also holds when the sweeper has to run next. Invariant while the locks of all shards are free: it runs at the latest
/// 100 milliseconds after the earliest expiry, or one second after its last run; and it rests only if no entry expires.
/// </para>
/// </remarks>
internal sealed class StoreClock(TimeProvider time) : TimeProvider
{
    /// <summary>One unit of <see cref="UseTime"/>: 32 bits last for 198 days.</summary>
    private static readonly TimeSpan UseTimeUnit = TimeSpan.FromMilliseconds(4);

    /// <summary>The shortest time between two sweeps.</summary>
    public static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest time between two sweeps while entries expire: the system clock may be set forward.</summary>
    private static readonly TimeSpan SweepPeriodMax = TimeSpan.FromSeconds(1);

    /// <summary>While no entry expires: any expiry is earlier.</summary>
    private const long AtRest = long.MaxValue;

    private readonly long _start = time.GetTimestamp();
    private long _latest;
    private long _sweepAt;
    private bool _isSweepWanted;
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
        long now = SystemNow();
        if (Volatile.Read(ref _sweepAt) == AtRest) return now;
        for (long latest; (latest = Volatile.Read(ref _latest)) <= now;)
            if (latest == now || Interlocked.CompareExchange(ref _latest, now, latest) == latest) return now;

        // The system clock was set back, unless another thread has just read a later time. The sweeper finds out.
        SweepBy(now);
        return Volatile.Read(ref _latest);
    }

    /// <summary>Whether an entry expires before the next sweep. The caller must then reset the sweeper's timer, without holding locks.</summary>
    public bool IsSweepWanted => Volatile.Read(ref _isSweepWanted);

    /// <summary>Records that an entry expires at a time. To be called under its shard's lock.</summary>
    public void Expect(long expiresAt)
    {
        if (expiresAt < Volatile.Read(ref _sweepAt)) SweepBy(expiresAt);
    }

    /// <summary>Begins to plan the next sweep; to be followed by <see cref="Expect"/> with the earliest expiry of each shard.</summary>
    public void PlanSweep(TimeSpan? period = null) => Volatile.Write(ref _sweepAt, SystemNow() + (long)(period ?? SweepPeriodMax).TotalMilliseconds);

    /// <summary>The time until the next sweep.</summary>
    public TimeSpan TakeTimeToSweep()
    {
        // First: an expiry that is recorded from now on wants another time.
        Interlocked.Exchange(ref _isSweepWanted, false);
        return TimeSpan.FromMilliseconds(Math.Clamp(
            Volatile.Read(ref _sweepAt) - SystemNow(), (long)SweepPeriod.TotalMilliseconds, (long)SweepPeriodMax.TotalMilliseconds));
    }

    /// <summary>
    /// Ends the sweeps until an entry expires, and follows the system clock wherever it is set. To be called under the locks of all
    /// shards, none of which has an entry that expires.
    /// </summary>
    public void Rest()
    {
        Volatile.Write(ref _latest, 0);
        Volatile.Write(ref _sweepAt, AtRest);
    }

    /// <summary>
    /// Follows a system clock that was set back. To be called when nothing is left that has expired by <paramref name="latest"/>, under
    /// the locks of all shards.
    /// </summary>
    public void FollowBack(long latest) =>
        Interlocked.CompareExchange(ref _latest, SystemNow(), latest);

    /// <summary>Whether the system clock is behind, which it is after it was set back.</summary>
    public bool IsAhead(long now) => SystemNow() < now;

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

    private long SystemNow() => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Brings the next sweep forward, though not to less than 100 milliseconds from now: writes must not delay it again and again.</summary>
    private void SweepBy(long expiresAt)
    {
        long at = Math.Max(expiresAt, SystemNow() + (long)SweepPeriod.TotalMilliseconds);
        for (long seen; at < (seen = Volatile.Read(ref _sweepAt));)
        {
            if (Interlocked.CompareExchange(ref _sweepAt, at, seen) != seen) continue;
            Volatile.Write(ref _isSweepWanted, true);
            return;
        }
    }
}
