using System.Runtime.CompilerServices;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>All measurements for one number of keys and one value length.</summary>
internal sealed class SizeBenchmark(StoreSize size, StoreOptions options)
{
    public static readonly Func<StoreSize, IStoreUnderTest>[] Stores =
        [size => new EmbeddedStoreUnderTest(size), size => new FasterUnderTest(size), size => new DictionaryUnderTest(size)];

    public static int StoreCount => Stores.Length;

    private IEnumerable<(int Batch, int Threads)> Combinations =>
        options.Batches.SelectMany(batch => options.Threads.Select(threads => (batch, threads)));

    public void Run()
    {
        // Inserts come first, each into a new store that is the only one in memory: the garbage collector would traverse the others too.
        // The stores that are filled last are kept for the other measurements.
        Cost[][] inserts = [.. Combinations.Select(c => Medians(store => MeasureInserts(store, c.Batch, c.Threads)))];
        var (stores, fills) = Fill();

        Console.WriteLine($"  {"",38}ns per operation (ratio to KestrelKv)                            allocated bytes per operation");
        Console.WriteLine($"  {"batch",6}{"threads",8}  {"",-20}{"insert",10}{"get",17}{"overwrite",17}{"mixed",17}{"insert",17}{"get",7}{"overwrite",10}");
        foreach (((int batch, int threads), Cost[] insert) in Combinations.Zip(inserts)) MeasureAccess(stores, batch, threads, insert);
        PageTimes page = PageTimes.Measure(((EmbeddedStoreUnderTest)stores[0]).Store, size);
        foreach (IStoreUnderTest store in stores) store.Dispose();

        Console.WriteLine($"  {"",38}resident bytes per key  us per insert, one at a time, minimum of {options.Repetitions} fills");
        Console.WriteLine($"  {"",16}  {"",-20}{"all",10}{"beyond data",12}{"median",12}{"99.99%",10}{"median of 256 longest",23}{"longest",10}   longest ever");
        foreach (string fill in fills) Console.WriteLine(fill);
        string redis = RedisMemory.Measure(size) is { } resident ? PerKey(resident) : "  redis-server is not on the path";
        Console.WriteLine(Label("Redis") + redis);
        Console.WriteLine(
            $"  a page of 100 entries with values, from a random key: {page.MedianMicroseconds:N1} us at the median, " +
            $"{page.Percentile99Microseconds:N1} us at 99%, {page.AllocatedBytes:N0} bytes allocated");
    }

    private void MeasureAccess(IStoreUnderTest[] stores, int batch, int threads, Cost[] insert)
    {
        Cost Access(int store, int putPercent) => Cost.OfAccess(stores[store], size, batch, threads, putPercent, options.Seconds);
        Cost[] get = Medians(store => Access(store, 0));
        Cost[] overwrite = Medians(store => Access(store, 100));
        Cost[] mixed = Medians(store => Access(store, 50));
        for (int i = 0; i < StoreCount; i++)
        {
            string costs = string.Concat(
                new[] { insert, get, overwrite, mixed }.Select(cost => $"{cost[i].Nanoseconds,10:N0} {Ratio(cost, i),-6}"));
            Console.WriteLine(
                $"  {batch,6:N0}{threads,8:N0}  {stores[i].Name,-20}{costs}" +
                $"{insert[i].AllocatedBytes,10:N1}{get[i].AllocatedBytes,7:N1}{overwrite[i].AllocatedBytes,10:N1}");
        }
    }

    private static string Ratio(Cost[] costs, int store) => store == 0 ? "" : $"x{costs[store].Nanoseconds / costs[0].Nanoseconds:N1}";

    private static string Label(string name) => $"  {"",16}  {name,-20}";

    /// <summary>Measures each store in turn, repeatedly, and returns the medians.</summary>
    private Cost[] Medians(Func<int, Cost> measure)
    {
        var costs = Enumerable.Range(0, StoreCount).Select(_ => new List<Cost>()).ToArray();
        for (int repetition = 0; repetition < options.Repetitions; repetition++)
            for (int store = 0; store < StoreCount; store++) costs[store].Add(measure(store));
        return [.. costs.Select(Cost.Median)];
    }

    private Cost MeasureInserts(int index, int batch, int threads)
    {
        SystemMemory.Release();
        using IStoreUnderTest store = Stores[index](size);
        return Cost.OfInserts(store, size, batch, threads);
    }

    /// <summary>Fills the stores. Returns them with the lines to print about the fills.</summary>
    private (IStoreUnderTest[] Stores, string[] Lines) Fill()
    {
        var stores = new IStoreUnderTest[StoreCount];
        string[] lines = new string[StoreCount];
        for (int i = 0; i < StoreCount; i++)
        {
            var times = new InsertTimes(size);
            for (int repetition = 0; repetition < options.Repetitions - 1; repetition++) FillOnce(i, times);
            (stores[i], long resident) = Fill(i, times);
            times.Sort();
            lines[i] =
                $"{Label(stores[i].Name)}{PerKey(resident)}{times.PercentileMicroseconds(50),12:N1}{times.PercentileMicroseconds(99.99),10:N0}" +
                $"{times.MedianOfLongestMicroseconds,23:N0}{times.LongestMicroseconds,10:N0}{times.LongestEverMicroseconds,15:N0}";
        }
        return (stores, lines);
    }

    /// <summary>A method of its own, so that no reference to the store remains after it returns, and the memory can be freed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FillOnce(int index, InsertTimes times) => Fill(index, times).Store.Dispose();

    private (IStoreUnderTest Store, long Resident) Fill(int index, InsertTimes times)
    {
        SystemMemory.Release();
        long before = SystemMemory.Resident(Environment.ProcessId);
        IStoreUnderTest store = Stores[index](size);
        times.Fill(store);
        SystemMemory.Release();
        return (store, SystemMemory.Resident(Environment.ProcessId) - before);
    }

    private string PerKey(long resident) => $"{resident / (double)size.Keys,10:N1}{(resident - size.DataBytes) / (double)size.Keys,12:N1}";
}
