using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>One kind of call of a client. Every result is checked.</summary>
internal interface ICallUnderTest
{
    /// <summary>The maximum number of calls in flight.</summary>
    const int SlotsMax = 10_000;

    /// <summary>Calls once for every key.</summary>
    Task CallAllAsync();

    /// <summary>Makes calls for random keys by concurrent callers. Each awaits its call before it starts the next one.</summary>
    /// <param name="callers">The number of callers.</param>
    /// <param name="end">The timestamp after which no call starts.</param>
    /// <returns>The number of calls.</returns>
    Task<long> RunCallersAsync(int callers, long end);

    /// <summary>Makes calls for random keys by one caller, which starts many of them, then awaits all.</summary>
    /// <param name="inFlight">The number of calls that the caller starts before it awaits them.</param>
    /// <param name="end">The timestamp after which no round starts.</param>
    /// <returns>The number of calls.</returns>
    Task<long> RunRoundsAsync(int inFlight, long end);

    /// <summary>Makes calls for random keys at a fixed rate, whether or not earlier ones are complete.</summary>
    /// <param name="perSecond">The number of calls per second.</param>
    /// <param name="seconds">How long calls are due.</param>
    /// <returns>The latencies, each counted from the time at which its call was due.</returns>
    Task<LatencyHistogram> RunPacedAsync(double perSecond, double seconds);
}
