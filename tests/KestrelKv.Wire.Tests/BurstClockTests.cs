using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Wire.Tests;

public sealed class BurstClockTests
{
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMicroseconds(20);

    private readonly FakeTimeProvider _time = new();
    private readonly BurstClock _clock;

    public BurstClockTests() => _clock = new BurstClock(_time, Burst, Pause);

    [Fact]
    public void End_BatchesWithoutAPause_IsTimeOnceABurst()
    {
        // 8 batches of 250 microseconds, with 20 between them, go beyond the 2 ms, and so do 8 more.
        bool[] ends = [.. Enumerable.Range(0, 27).Select(_ => Serve(TimeSpan.FromMicroseconds(250), Pause))];
        Assert.Equal([7, 15, 23], Enumerable.Range(0, ends.Length).Where(i => ends[i]));
    }

    [Fact]
    public void End_BatchesWithPauses_IsNeverTime() =>
        Assert.All(Enumerable.Range(0, 100), _ => Assert.False(Serve(TimeSpan.FromMilliseconds(1), Pause + TimeSpan.FromMicroseconds(1))));

    [Fact]
    public void End_OneLongBatch_IsTime()
    {
        Assert.False(Serve(Burst, Pause * 2));
        Assert.True(Serve(Burst + TimeSpan.FromTicks(1), Pause * 2));
    }

    [Fact]
    public void End_BatchThatWaited_IsTimeForWhatCameAfterTheWaitAlone()
    {
        for (int i = 0; i < 10; i++)
        {
            _clock.Start();
            _time.Advance(Burst * 10);
            _clock.Waited();
            _time.Advance(Burst);
            Assert.False(_clock.End());
        }
        _clock.Start();
        _clock.Waited();
        _time.Advance(Burst + TimeSpan.FromTicks(1));
        Assert.True(_clock.End());
    }

    /// <summary>A batch of this length after a pause; whether it is time to let others have the thread.</summary>
    private bool Serve(TimeSpan batch, TimeSpan pause)
    {
        _time.Advance(pause);
        Assert.Equal(_time.GetTimestamp(), _clock.Start());
        _time.Advance(batch);
        return _clock.End();
    }
}
