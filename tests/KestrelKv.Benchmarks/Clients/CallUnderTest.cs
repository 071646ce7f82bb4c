using System.Diagnostics;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>
/// A call with a result. The loops await what the client returns, without a wrapper, so that only the client's own allocations count.
/// </summary>
/// <param name="name">The name of the call, for errors.</param>
/// <param name="keys">The number of keys.</param>
/// <param name="start">Starts a call in a slot, for a key. No other call in flight has the same slot.</param>
/// <param name="check">Checks the result of a call in a slot, for a key, and releases its memory.</param>
internal sealed class CallUnderTest<TResult>(
    string name, int keys, Func<int, int, ValueTask<TResult>> start, Func<int, int, TResult, bool> check) : ICallUnderTest
{
    private const int FillInFlight = 100;

    public Task CallAllAsync()
    {
        int next = 0;
        return RunRoundsAsync(FillInFlight, round =>
        {
            if (next >= keys) return false;
            for (int i = 0; i < round.Length; i++) round[i] = next++ % keys; // The last round may repeat the first keys.
            return true;
        });
    }

    public async Task<long> RunCallersAsync(int callers, long end)
    {
        long[] calls = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(() => RunCallerAsync(caller, end))));
        return calls.Sum();
    }

    public Task<long> RunRoundsAsync(int inFlight, long end)
    {
        var random = new LoadRandom(inFlight);
        return RunRoundsAsync(inFlight, round =>
        {
            for (int i = 0; i < round.Length; i++) round[i] = random.Next(keys);
            return Stopwatch.GetTimestamp() < end;
        });
    }

    public Task<LatencyHistogram> RunPacedAsync(double perSecond, double seconds)
    {
        var random = new LoadRandom((int)seconds + 1);
        int[] chosen = [.. Enumerable.Range(0, (int)(perSecond * seconds)).Select(_ => random.Next(keys))];
        return new PacedCalls(perSecond, chosen.Length).RunAsync(async (call, slot) =>
        {
            int key = chosen[call];
            Check(slot, key, await start(slot, key));
        });
    }

    private async Task<long> RunCallerAsync(int caller, long end)
    {
        var random = new LoadRandom(caller + 1);
        long calls = 0;
        for (; Stopwatch.GetTimestamp() < end; calls++)
        {
            int key = random.Next(keys);
            Check(caller, key, await start(caller, key));
        }
        return calls;
    }

    /// <param name="inFlight">The number of calls of a round.</param>
    /// <param name="next">Chooses the keys of the next round; returns false if there is none.</param>
    private async Task<long> RunRoundsAsync(int inFlight, Func<int[], bool> next)
    {
        int[] round = new int[inFlight];
        var calls = new ValueTask<TResult>[inFlight];
        long count = 0;
        for (; next(round); count += inFlight)
        {
#pragma warning disable CA2012 // Each is awaited once, below.
            for (int i = 0; i < inFlight; i++) calls[i] = start(i, round[i]);
#pragma warning restore CA2012
            for (int i = 0; i < inFlight; i++) Check(i, round[i], await calls[i]);
        }
        return count;
    }

    /// <exception cref="InvalidDataException">The result is wrong.</exception>
    private void Check(int slot, int key, TResult result)
    {
        if (!check(slot, key, result)) throw new InvalidDataException($"{name}: wrong result for key number {key}: {result}");
    }
}
