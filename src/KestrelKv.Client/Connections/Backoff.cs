namespace KestrelKv.Client.Connections;

/// <summary>
/// The pauses between connection attempts: a random time up to a limit that doubles with each failure ("full jitter", see Brooker,
/// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Clients that lost their connections together do not return together.
/// </summary>
internal sealed class Backoff(TimeSpan max)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private int _attempts;

    /// <summary>Returns the pause before the next attempt: none before the first one.</summary>
    public TimeSpan Next()
    {
        if (_attempts == 0)
        {
            _attempts++;
            return TimeSpan.Zero;
        }
        double limit = Math.Min(max.TotalMilliseconds, First.TotalMilliseconds * Math.Pow(2, Math.Min(_attempts++ - 1, 30)));

        // A delay of less than a millisecond would not wait at all, and a loop of failures would never leave its thread.
        return TimeSpan.FromMilliseconds(Math.Max(1, Random.Shared.NextDouble() * limit));
    }

    /// <summary>Restarts the sequence once the server has replied. The next attempt has a short pause, because many clients may have lost their connections at once.</summary>
    public void Reset() => _attempts = 1;
}
