using System.Diagnostics;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>The cost of one operation: nanoseconds of elapsed time, over all threads, and bytes allocated on the managed heap.</summary>
internal readonly record struct Cost(double Nanoseconds, double AllocatedBytes)
{
    public static Cost Median(IReadOnlyCollection<Cost> costs) => costs.OrderBy(cost => cost.Nanoseconds).ElementAt(costs.Count / 2);

    /// <summary>Fills an empty store. Each thread inserts a part of the keys.</summary>
    public static Cost OfInserts(IStoreUnderTest store, StoreSize size, int batch, int threads) =>
        Measure(store, batch, threads, (worker, thread) =>
    {
        int[] keys = new int[batch];
        int first = (int)((long)size.Keys * thread / threads), end = (int)((long)size.Keys * (thread + 1) / threads);
        for (int next = first; next < end;)
        {
            int count = 0;
            while (count < batch && next < end) keys[count++] = next++;
            worker.Put(keys.AsSpan(0, count));
        }
        return end - first;
    });

    /// <summary>
    /// Executes batches of GETs and of overwrites on uniformly chosen keys. The time includes choosing and writing the keys.
    /// </summary>
    public static Cost OfAccess(IStoreUnderTest store, StoreSize size, int batch, int threads, int putPercent, double seconds) =>
        Measure(store, batch, threads, (worker, thread) =>
    {
        ulong random = (ulong)thread;
        int[] keys = new int[batch];
        long operations = 0;
        long until = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        for (; Stopwatch.GetTimestamp() < until; operations += batch)
        {
            for (int i = 0; i < keys.Length; i++) keys[i] = Next(ref random, size.Keys);
            if (Next(ref random, 100) < putPercent) worker.Put(keys);
            else if (worker.Get(keys) != keys.Length) throw new InvalidOperationException("a key is missing");
        }
        return operations;
    });

    /// <summary>
    /// Returns a random number by SplitMix64, which takes a nanosecond; a better generator would take a large part of the measured time.
    /// </summary>
    private static int Next(ref ulong state, int below)
    {
        ulong mixed = state += 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return (int)Math.BigMul(mixed ^ (mixed >> 31), (ulong)below, out _);
    }

    /// <summary>Runs the work on each thread. The work returns the number of its operations.</summary>
    private static Cost Measure(IStoreUnderTest store, int batch, int threads, Func<IStoreWorker, int, long> work)
    {
        long operations = 0, bytes = 0;
        Thread[] all = [.. Enumerable.Range(0, threads).Select(index => new Thread(() =>
        {
            using IStoreWorker worker = store.CreateWorker(batch);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Interlocked.Add(ref operations, work(worker, index));
            Interlocked.Add(ref bytes, GC.GetAllocatedBytesForCurrentThread() - before);
        }))];

        long start = Stopwatch.GetTimestamp();
        foreach (Thread thread in all) thread.Start();
        foreach (Thread thread in all) thread.Join();
        return new(Stopwatch.GetElapsedTime(start).TotalNanoseconds / operations, bytes / (double)operations);
    }
}
