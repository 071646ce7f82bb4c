using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Requests for random keys, for a time. Closed loop: a connection's next round is due when its last one is answered.
/// Open loop: rounds are due at fixed intervals, whether or not earlier ones are answered, and taken by any connection
/// that is idle. As latency counts from when a round was due, a server that stops for a moment is charged for all that was
/// to be served meanwhile, and not just for what had been sent (coordinated omission).
/// </summary>
/// <param name="options">What load to make.</param>
/// <param name="keys">Chooses the keys.</param>
/// <param name="random">Chooses what is done with them.</param>
/// <param name="seconds">For how long rounds are due.</param>
/// <param name="perSecond">Requests a second, of an open loop; null for a closed one.</param>
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
