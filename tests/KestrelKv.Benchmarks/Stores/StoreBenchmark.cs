namespace KestrelKv.Benchmarks.Stores;

/// <summary>
/// Compares stores in one process for every combination of the options. Each repetition measures each store in turn, and medians are
/// printed.
/// </summary>
internal static class StoreBenchmark
{
    private const int WarmUpRounds = 5;

    public static void Run(StoreOptions options)
    {
        WarmUp();
        foreach (int keys in options.Keys)
        {
            foreach (int valueBytes in options.ValueBytes)
            {
                var size = new StoreSize(keys, valueBytes);
                long needed = size.MemoryBytesMax * SizeBenchmark.StoreCount, available = SystemMemory.Available();
                Console.WriteLine($"\n{size}");
                if (needed > available)
                    Console.WriteLine($"  skipped: the stores need up to {Gibibytes(needed)}, but {Gibibytes(available)} are available");
                else new SizeBenchmark(size, options).Run();
            }
        }
    }

    /// <summary>Runs all measurements on small stores, so that the JIT has fully optimized the code.</summary>
    private static void WarmUp()
    {
        var size = new StoreSize(Keys: 100_000, ValueBytes: 100);
        for (int round = 0; round < WarmUpRounds; round++)
        {
            foreach (Func<StoreSize, IStoreUnderTest> create in SizeBenchmark.Stores)
            {
                using IStoreUnderTest store = create(size);
                new InsertTimes(size).Fill(store);
                Cost.OfInserts(store, size, batch: 100, threads: 1);
                Cost.OfAccess(store, size, batch: 100, threads: 1, putPercent: 50, seconds: 0.3);
                if (store is EmbeddedStoreUnderTest embedded) PageTimes.Measure(embedded.Store, size);
                Thread.Sleep(200);
            }
        }
    }

    private static string Gibibytes(long bytes) => $"{bytes / (double)(1 << 30):N1} GiB";
}
