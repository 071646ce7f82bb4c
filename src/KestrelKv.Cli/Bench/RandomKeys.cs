using System.Diagnostics;

namespace KestrelKv.Cli.Bench;

/// <summary>Requests for random keys until a time: as fast as possible, or at a rate.</summary>
internal sealed class RandomKeys(BenchOptions options, long end, Pacer? pacer, CancellationToken stop) : IBenchWork
{
    public ValueTask<long> StartAsync()
    {
        if (stop.IsCancellationRequested) return new(0L);
        if (pacer is not null) return pacer.WaitAsync();
        long now = Stopwatch.GetTimestamp();
        return new(now < end ? now : 0);
    }

    public int Take(Span<BenchRequest> round)
    {
        int puts = options.Puts;
        foreach (ref BenchRequest request in round)
        {
            bool isPut = puts == 100 || puts > 0 && Random.Shared.Next(100) < puts;
            request = new(isPut ? BenchFunction.Put : BenchFunction.Get, Random.Shared.Next(options.Keys));
        }
        return round.Length;
    }
}
