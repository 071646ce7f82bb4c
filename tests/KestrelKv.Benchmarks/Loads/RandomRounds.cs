using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Requests for random keys, for a number of seconds. Closed loop: the next round of a connection is due when its last one is answered.
/// Open loop: rounds are due at fixed intervals, whether or not earlier ones are answered, and any idle connection takes them. Latency
/// counts from the time when a round was due. A server that pauses is therefore charged for all requests due in the pause, not only for
/// those already sent (coordinated omission).
/// </summary>
/// <param name="options">The options of the load.</param>
/// <param name="keys">The choice of keys.</param>
/// <param name="random">The source of all other random numbers.</param>
/// <param name="seconds">How long rounds are due, in seconds.</param>
/// <param name="perSecond">The rate of an open loop in requests per second; null for a closed loop.</param>
internal sealed class RandomRounds(
    LoadOptions options, KeyChoice keys, LoadRandom random, double seconds, double? perSecond = null) : IRounds
{
    private readonly long _interval = (long)(options.InFlight / perSecond * Stopwatch.Frequency ?? 0);
    private readonly long _end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
    private long _due = Stopwatch.GetTimestamp();

    public long NextDue(long now)
    {
        if (_interval == 0) _due = now;
        return _due < _end ? _due : IRounds.Never;
    }

    public int Take(Span<LoadRequest> requests)
    {
        foreach (ref LoadRequest request in requests)
        {
            bool isPut = random.Next(100) < options.PutPercent;
            request = new LoadRequest(keys.Next(), isPut, isPut ? random.Next(LoadScratch.DigitStarts) : 0);
        }
        _due += _interval;
        return requests.Length;
    }
}
