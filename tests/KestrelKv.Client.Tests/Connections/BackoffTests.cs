using KestrelKv.Client.Connections;

namespace KestrelKv.Client.Tests.Connections;

public sealed class BackoffTests
{
    [Fact]
    public void Next_LimitDoublesFrom50MillisecondsToTheMaximum()
    {
        TimeSpan[] longest = new TimeSpan[12];
        for (int run = 0; run < 2_000; run++)
        {
            var backoff = new Backoff(TimeSpan.FromSeconds(5));
            Assert.Equal(TimeSpan.Zero, backoff.Next());
            for (int i = 0; i < longest.Length; i++)
            {
                TimeSpan pause = backoff.Next();
                Assert.InRange(pause.TotalMilliseconds, 0, Math.Min(5_000, 50 * Math.Pow(2, i)));
                if (pause > longest[i]) longest[i] = pause;
            }
        }
        // Of 2,000 random times, the longest is beyond half of the limit but for a chance of 2 to the power of -2,000.
        for (int i = 0; i < longest.Length; i++) Assert.True(longest[i].TotalMilliseconds > Math.Min(5_000, 50 * Math.Pow(2, i)) / 2, $"{i}: {longest[i]}");
    }

    [Fact]
    public void Reset_NextPauseIsShortButNotNone()
    {
        TimeSpan sum = TimeSpan.Zero;
        for (int run = 0; run < 100; run++)
        {
            var backoff = new Backoff(TimeSpan.FromSeconds(5));
            for (int i = 0; i < 100; i++) backoff.Next();
            backoff.Reset();
            TimeSpan pause = backoff.Next();
            Assert.InRange(pause.TotalMilliseconds, 0, 50);
            sum += pause;
        }
        Assert.True(sum > TimeSpan.Zero);
    }
}
