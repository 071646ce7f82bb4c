namespace KestrelKv.Storage.Embedded;

/// <summary>The clock of a store, for expiry and times of last use. Thread-safe.</summary>
/// <remarks>
/// <para>
/// An entry that a caller saw as expired must not reappear. If the system clock is set back, this clock therefore follows only after
/// all expired entries are removed (<see cref="StepBack"/>). While no entry expires, it equals the system clock (<see
/// cref="SuspendSweeps"/>).
/// </para>
/// <para>
/// The clock also stores the time of the next sweep. Invariant while the locks of all shards are free: the sweeper runs at the latest
/// 100 milliseconds after the earliest expiry, or one second after its last run. It is suspended only if no entry expires.
/// </para>
/// </remarks>
internal sealed class StoreClock(TimeProvider time) : TimeProvider
{
    /// <summary>The unit of <see cref="UseTime"/>. 32 bits wrap around after 198 days.</summary>
    private static readonly TimeSpan UseTimeUnit = TimeSpan.FromMilliseconds(4);

    public static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    /// <summary>The maximum time between two sweeps while entries expire, because the system clock may be set forward.</summary>
    private static readonly TimeSpan SweepPeriodMax = TimeSpan.FromSeconds(1);

    /// <summary>The time of the next sweep while no entry expires. Any expiry is earlier.</summary>
    private const long Suspended = long.MaxValue;

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

    /// <summary>
    /// Returns the current time in milliseconds of Unix time. Must be called under the lock of the entry whose expiry it is compared with.
    /// </summary>
    public long Now()
    {
        long now = SystemNow();
        if (Volatile.Read(ref _sweepAt) == Suspended) return now;
        for (long latest; (latest = Volatile.Read(ref _latest)) <= now;)
            if (latest == now || Interlocked.CompareExchange(ref _latest, now, latest) == latest) return now;

        // The system clock was set back, or another thread has just read a later time. The sweeper determines which.
        SweepBy(now);
        return Volatile.Read(ref _latest);
    }

    /// <summary>
    /// Whether an entry expires before the planned sweep. The caller must then reset the sweeper's timer, without holding locks.
    /// </summary>
    public bool IsSweepWanted => Volatile.Read(ref _isSweepWanted);

    /// <summary>Records the expiry of an entry. Requires the lock of the entry's shard.</summary>
    public void Expect(long expiresAt)
    {
        if (expiresAt < Volatile.Read(ref _sweepAt)) SweepBy(expiresAt);
    }

    /// <summary>
    /// Starts to plan the next sweep. Must be followed by <see cref="Expect"/> with the earliest expiry of each shard.
    /// </summary>
    public void PlanSweep(TimeSpan? period = null) =>
        Volatile.Write(ref _sweepAt, SystemNow() + (long)(period ?? SweepPeriodMax).TotalMilliseconds);

    /// <summary>Returns the time until the next sweep, and resets <see cref="IsSweepWanted"/>.</summary>
    public TimeSpan TakeSweepDelay()
    {
        // Reset the flag before the time is read: an expiry that is recorded later sets it again.
        Interlocked.Exchange(ref _isSweepWanted, false);
        return TimeSpan.FromMilliseconds(Math.Clamp(
            Volatile.Read(ref _sweepAt) - SystemNow(), (long)SweepPeriod.TotalMilliseconds, (long)SweepPeriodMax.TotalMilliseconds));
    }

    /// <summary>
    /// Suspends sweeps until an entry expires, and follows the system clock in both directions. Requires the locks of all shards, none of
    /// which may have an entry that expires.
    /// </summary>
    public void SuspendSweeps()
    {
        Volatile.Write(ref _latest, 0);
        Volatile.Write(ref _sweepAt, Suspended);
    }

    /// <summary>
    /// Follows a system clock that was set back. Requires the locks of all shards. All entries that expired by <paramref name="latest"/>
    /// must have been removed.
    /// </summary>
    public void StepBack(long latest) =>
        Interlocked.CompareExchange(ref _latest, SystemNow(), latest);

    /// <summary>Whether the system clock is earlier than a time, because it was set back.</summary>
    public bool IsAhead(long now) => SystemNow() < now;

    /// <summary>
    /// The time of last use for entries used now, in units of 4 milliseconds that wrap around. Only <see cref="RefreshUseTime"/> changes
    /// it, once for many uses. It never goes back: a time in the future would appear to be 198 days old.
    /// </summary>
    public uint UseTime => Volatile.Read(ref _useTime);

    public void RefreshUseTime()
    {
        uint now = (uint)(time.GetElapsedTime(_start).Ticks / UseTimeUnit.Ticks);
        for (uint latest; (int)(now - (latest = UseTime)) > 0;)
            if (Interlocked.CompareExchange(ref _useTime, now, latest) == latest) return;
    }

    private long SystemNow() => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// Moves the next sweep forward, but to no less than 100 milliseconds from now, so that writes cannot delay it repeatedly.
    /// </summary>
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
