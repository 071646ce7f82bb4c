namespace KestrelKv.Client.Testing;

/// <summary>A clock of a test. Its timers never run in a thread that reads the time.</summary>
/// <remarks>
/// Some clocks, such as <c>FakeTimeProvider</c>, run due timers while the time is read. The engine reads the time under its locks, which
/// its timers acquire. Such timers therefore run on the thread pool, like those of the system.
/// </remarks>
internal sealed class UnlockedTime(TimeProvider time) : TimeProvider
{
    [ThreadStatic]
    private static bool t_isReading;

    public override long TimestampFrequency => time.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    public override DateTimeOffset GetUtcNow()
    {
        t_isReading = true;
        try
        {
            return time.GetUtcNow();
        }
        finally
        {
            t_isReading = false;
        }
    }

    public override long GetTimestamp()
    {
        t_isReading = true;
        try
        {
            return time.GetTimestamp();
        }
        finally
        {
            t_isReading = false;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => time.CreateTimer(
        value =>
        {
            if (t_isReading) ThreadPool.UnsafeQueueUserWorkItem(_ => callback(value), null);
            else callback(value);
        },
        state, dueTime, period);
}
