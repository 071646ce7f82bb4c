using System.Globalization;
using KestrelKv.Testing.Histories;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>Short histories, one after another, each on its own keys. Each is checked when it ends.</summary>
internal sealed class HistoryLoad(LoadState load, string keys)
{
    private const int Callers = 4;
    private const int CallsEach = 6;

    /// <summary>The number of histories.</summary>
    public int Count { get; private set; }

    /// <summary>The number of calls that overlapped with others.</summary>
    public int Overlapping { get; private set; }

    private int _unknown;

    /// <summary>The number of calls whose outcome remained unknown.</summary>
    public int Unknown => _unknown;

    /// <summary>Runs histories until the load stops.</summary>
    public async Task RunAsync(Random random)
    {
        while (!load.IsStopping)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{keys}.{Count++}.");
            var history = new History(name, random.Next(1, 4));
            int[] seeds = [.. Enumerable.Range(0, Callers).Select(_ => random.Next())];
            await Task.WhenAll(seeds.Select(seed => Task.Run(() => CallAsync(history, name, new Random(seed)))));
            history.Check();
            Overlapping += history.CountOverlapping();
        }
    }

    private async Task CallAsync(History history, string name, Random random)
    {
        foreach (Call call in history.Plan.Calls(random, CallsEach))
        {
            bool isKnown = await StoreHistory.CallAsync(() => load.StoreOf(random), history, name, call);
            if (!isKnown) Interlocked.Increment(ref _unknown);
            if (isKnown && call.Reply is { Version: > 0 } && call.Writes) load.CountWrite();
            if (load.IsStopping) return;
        }
    }
}
