namespace KestrelKv.Extensions.Tests.Locks;

/// <summary>
/// A clock that counts the timers that were created, so that a test advances the time only after a renewal has scheduled the next one.
/// </summary>
internal sealed class TimerCount(TimeProvider time) : TimeProvider
{
    private int _created;

    public int Created => Volatile.Read(ref _created);

    public override long TimestampFrequency => time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

    public override long GetTimestamp() => time.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = time.CreateTimer(callback, state, dueTime, period);
        Interlocked.Increment(ref _created);
        return timer;
    }
}
