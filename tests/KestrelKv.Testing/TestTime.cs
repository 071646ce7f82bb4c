using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Testing;

/// <summary>A clock that tests advance. Thread-safe. Timers run in <see cref="Advance"/>, never in a thread that reads the time.</summary>
/// <remarks>
/// <see cref="FakeTimeProvider"/> also runs due timers while the time is read. A store reads the time under its locks, which the timers
/// acquire. Such timers therefore run on the thread pool, like those of the system.
/// </remarks>
public sealed class TestTime : TimeProvider
{
    [ThreadStatic]
    private static bool t_isReading;

    private readonly FakeTimeProvider _time;
    private int _ticks;

    /// <summary>Starts at midnight UTC of January 1, 2000.</summary>
    public TestTime() => _time = new();

    public TestTime(DateTimeOffset start) => _time = new(start);

    /// <summary>Is added to the time of day. Does not affect timers.</summary>
    public TimeSpan Offset { get; set; }

    /// <summary>The number of ticks of all timers.</summary>
    public int Ticks => Volatile.Read(ref _ticks);

    public override long TimestampFrequency => _time.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => _time.LocalTimeZone;

    public void Advance(TimeSpan by) => _time.Advance(by);

    public override DateTimeOffset GetUtcNow() => Read(static time => time.GetUtcNow()) + Offset;

    public override long GetTimestamp() => Read(static time => time.GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => _time.CreateTimer(
        value =>
        {
            Interlocked.Increment(ref _ticks);
            if (t_isReading) ThreadPool.UnsafeQueueUserWorkItem(_ => callback(value), null);
            else callback(value);
        },
        state, dueTime, period);

    private T Read<T>(Func<FakeTimeProvider, T> read)
    {
        t_isReading = true;
        try
        {
            return read(_time);
        }
        finally
        {
            t_isReading = false;
        }
    }
}
