using System.Diagnostics;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>The time to list a page: 100 entries with their values, starting at a random key.</summary>
internal sealed record PageTimes(double MedianMicroseconds, double Percentile99Microseconds, double AllocatedBytes)
{
    private const int Entries = 100;
    private const int Pages = 10_000;

    public static PageTimes Measure(IKeyValueStore store, StoreSize size)
    {
        var random = new Random(1);
        var sink = new Sink();
        byte[] after = new byte[StoreSize.KeyBytes];
        double[] times = new double[Pages];
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Pages; i++)
        {
            StoreSize.WriteKey(random.Next(size.Keys), after);
            long start = Stopwatch.GetTimestamp();
            ValueTask<bool> page = store.ListAsync(new ListQuery { After = after, Limit = Entries }, sink);
            if (!page.IsCompletedSuccessfully) throw new InvalidOperationException("The store call did not complete synchronously.");
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        double allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Pages;
        Array.Sort(times);
        return new(times[Pages / 2], times[Pages * 99 / 100], allocated);
    }

    private sealed class Sink : IEntrySink
    {
        private int _sum;

        public bool OnEntry(in EntryView entry)
        {
            _sum += entry.Key[^1] + entry.Value[^1];
            return true;
        }
    }
}
