using System.Diagnostics;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>
/// Measures stores beside each other in one process: each repetition measures each store in turn, and medians are
/// printed. Keys are chosen uniformly; the time includes choosing and writing them, equally for all.
/// </summary>
internal static class StoreBenchmark
{
    public static void Run(StoreOptions options)
    {
        Console.WriteLine($"{options.Keys:N0} keys of {StoreOptions.KeyBytes} bytes, values of {options.ValueBytes} bytes, batches of {options.Batch}, {options.Threads} thread(s)");
        Console.WriteLine($"{"",-22}{"insert",10}{"get",10}{"overwrite",10}{"mixed",10}   ns an operation  {"resident",10} B/key {"beyond data",12} {"allocated",10} B/op");

        (string Name, Func<IStoreUnderTest> Create)[] stores =
        [
            ("KestrelKv", () => new EmbeddedStoreUnderTest()),
            ("FASTER", () => new FasterUnderTest(options)),
            ("ConcurrentDictionary", () => new DictionaryUnderTest()),
        ];
        // First a small one of each, so that what is measured is compiled as it is in the end.
        foreach (var (_, create) in stores)
        {
            for (int i = 0; i < 5; i++)
            {
                using IStoreUnderTest store = Fill(create, options with { Keys = 100_000 }).Store;
                Measure(store, options with { Keys = 100_000, Seconds = 0.3 }, 50, out _);
                Thread.Sleep(200);
            }
        }
        var filled = stores.Select(store => Fill(store.Create, options)).ToArray();
        var runs = filled.Select(_ => new List<double[]>()).ToArray();
        for (int repetition = 0; repetition < options.Repetitions; repetition++)
        {
            for (int i = 0; i < filled.Length; i++)
                runs[i].Add([.. new[] { 0, 100, 50 }.Select(putPercent => Measure(filled[i].Store, options, putPercent, out filled[i].Allocated))]);
        }

        double[] first = [];
        for (int i = 0; i < filled.Length; i++)
        {
            double[] medians = [filled[i].InsertNs, .. Enumerable.Range(0, 3).Select(column => runs[i].Select(run => run[column]).Order().ElementAt(runs[i].Count / 2))];
            if (i == 0) first = medians;
            double perKey = filled[i].Resident / (double)options.Keys;
            Console.WriteLine(
                $"{filled[i].Store.Name,-22}{string.Concat(medians.Select(ns => $"{ns,10:N0}"))}                    {perKey,10:N0}       {perKey - StoreOptions.KeyBytes - options.ValueBytes,12:N0} {filled[i].Allocated,10:N1}" +
                (i == 0 ? "" : $"   KestrelKv is {string.Join(", ", medians.Zip(first, (other, own) => $"{other / own:N1}"))} times as fast"));
            if (filled[i].Store is EmbeddedStoreUnderTest embedded)
                Console.WriteLine($"{"",-22}a page of 100 keys with values, from a random key on: {embedded.MeasurePage(options):N0} us");
            filled[i].Store.Dispose();
        }
    }

    private static (IStoreUnderTest Store, double InsertNs, long Resident, double Allocated) Fill(Func<IStoreUnderTest> create, StoreOptions options)
    {
        long before = Resident();
        IStoreUnderTest store = create();
        using IStoreWorker worker = store.CreateWorker(options);
        int[] keys = new int[options.Batch];
        long start = Stopwatch.GetTimestamp();
        for (int key = 0; key < options.Keys;)
        {
            int count = 0;
            while (count < keys.Length && key < options.Keys) keys[count++] = key++;
            worker.Put(keys.AsSpan(0, count));
        }
        double ns = Stopwatch.GetElapsedTime(start).TotalNanoseconds / options.Keys;
        return (store, ns, Resident() - before, 0);
    }

    private static double Measure(IStoreUnderTest store, StoreOptions options, int putPercent, out double allocated)
    {
        long total = 0, bytes = 0;
        var threads = Enumerable.Range(0, options.Threads).Select(seed => new Thread(() =>
        {
            using IStoreWorker worker = store.CreateWorker(options);
            var random = new Random(seed);
            int[] keys = new int[options.Batch];
            long operations = 0;
            long until = Stopwatch.GetTimestamp() + (long)(options.Seconds * Stopwatch.Frequency);
            long before = GC.GetAllocatedBytesForCurrentThread();
            while (Stopwatch.GetTimestamp() < until)
            {
                for (int i = 0; i < keys.Length; i++) keys[i] = random.Next(options.Keys);
                if (random.Next(100) < putPercent) worker.Put(keys);
                else if (worker.Get(keys) != keys.Length) throw new InvalidOperationException("a key is missing");
                operations += keys.Length;
            }
            Interlocked.Add(ref bytes, GC.GetAllocatedBytesForCurrentThread() - before);
            Interlocked.Add(ref total, operations);
        })).ToArray();

        long start = Stopwatch.GetTimestamp();
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        allocated = bytes / (double)total;
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / total;
    }

    private static long Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
