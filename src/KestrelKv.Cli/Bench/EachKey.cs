using System.Diagnostics;

namespace KestrelKv.Cli.Bench;

/// <summary>One request for each key, as fast as possible. Ends early after a request without a reply in time: the server hangs.</summary>
internal sealed class EachKey(BenchFunction function, int keys, BenchLog log, CancellationToken stop) : IBenchWork
{
    private long _next;

    public ValueTask<long> StartAsync() => new(stop.IsCancellationRequested || log.HasTimeout ? 0 : Stopwatch.GetTimestamp());

    public int Take(Span<BenchRequest> round)
    {
        long begin = Interlocked.Add(ref _next, round.Length) - round.Length;
        int count = (int)Math.Clamp(keys - begin, 0, round.Length);
        for (int i = 0; i < count; i++) round[i] = new(function, (int)begin + i);
        return count;
    }
}
