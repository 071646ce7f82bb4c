using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Counts the ticks of all timers, each of which would wake an idle server.</summary>
internal sealed class TickingTime : FakeTimeProvider
{
    private int _ticks;

    public int Ticks => Volatile.Read(ref _ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(
        value =>
        {
            Interlocked.Increment(ref _ticks);
            callback(value);
        },
        state, dueTime, period);
}
