using System.Runtime.CompilerServices;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>All measurements with one number of keys and one length of values.</summary>
internal sealed class SizeBenchmark(StoreSize size, StoreOptions options)
{
    public static readonly Func<StoreSize, IStoreUnderTest>[] Stores =
        [size => new EmbeddedStoreUnderTest(size), size => new FasterUnderTest(size), size => new DictionaryUnderTest(size)];

    /// <summary>So many stores are in memory at a time.</summary>
    public static int StoreCount => Stores.Length;

    private IEnumerable<(int Batch, int Threads)> Combinations => options.Batches.SelectMany(batch => options.Threads.Select(threads => (batch, threads)));

    public void Run()
    {
        // Inserts first, each time into a new store and while there is no other: the garbage collector would have to go
        // through that one as well. What is filled last is kept for the rest.
        Cost[][] inserts = [.. Combinations.Select(c => Medians(store => MeasureInserts(store, c.Batch, c.Threads)))];
        var (stores, fills) = Fill();

        Console.WriteLine($"  {"",38}ns an operation (KestrelKv is so many times as fast)             allocated bytes an operation");
        Console.WriteLine($"  {"batch",6}{"threads",8}  {"",-20}{"insert",10}{"get",17}{"overwrite",17}{"mixed",17}{"insert",17}{"get",7}{"overwrite",10}");
        foreach (((int batch, int threads), Cost[] insert) in Combinations.Zip(inserts)) MeasureAccess(stores, batch, threads, insert);
        PageTimes page = PageTimes.Measure(((EmbeddedStoreUnderTest)stores[0]).Store, size);
        foreach (IStoreUnderTest store in stores) store.Dispose();

        Console.WriteLine($"  {"",38}resident bytes a key    us an insert, one at a time, the least of {options.Repetitions} fills");
        Console.WriteLine($"  {"",16}  {"",-20}{"all",10}{"beyond data",12}{"median",12}{"99.99%",10}{"median of 256 longest",23}{"longest",10}   longest ever");
        foreach (string fill in fills) Console.WriteLine(fill);
        Console.WriteLine(Label("Redis") + (RedisMemory.Measure(size) is { } resident ? PerKey(resident) : "  there is no redis-server on the path"));
        Console.WriteLine(
            $"  a page of 100 entries with values, from a random key on: {page.MedianMicroseconds:N1} us at the median, " +
            $"{page.Percentile99Microseconds:N1} us at 99%, {page.AllocatedBytes:N0} bytes allocated");
    }

    private void MeasureAccess(IStoreUnderTest[] stores, int batch, int threads, Cost[] insert)
    {
        Cost Access(int store, int putPercent) => Cost.OfAccess(stores[store], size, batch, threads, putPercent, options.Seconds);
        Cost[] get = Medians(store => Access(store, 0)), overwrite = Medians(store => Access(store, 100)), mixed = Medians(store => Access(store, 50));
        for (int i = 0; i < StoreCount; i++)
        {
            string costs = string.Concat(new[] { insert, get, overwrite, mixed }.Select(cost => $"{cost[i].Nanoseconds,10:N0} {Ratio(cost, i),-6}"));
            Console.WriteLine(
                $"  {batch,6:N0}{threads,8:N0}  {stores[i].Name,-20}{costs}" +
                $"{insert[i].AllocatedBytes,10:N1}{get[i].AllocatedBytes,7:N1}{overwrite[i].AllocatedBytes,10:N1}");
        }
    }

    private static string Ratio(Cost[] costs, int store) => store == 0 ? "" : $"x{costs[store].Nanoseconds / costs[0].Nanoseconds:N1}";

    private static string Label(string name) => $"  {"",16}  {name,-20}";

    /// <summary>Measures each store in turn, again and again.</summary>
    private Cost[] Medians(Func<int, Cost> measure)
    {
        var costs = Enumerable.Range(0, StoreCount).Select(_ => new List<Cost>()).ToArray();
        for (int repetition = 0; repetition < options.Repetitions; repetition++)
            for (int store = 0; store < StoreCount; store++) costs[store].Add(measure(store));
        return [.. costs.Select(Cost.Median)];
    }

    private Cost MeasureInserts(int index, int batch, int threads)
    {
        SystemMemory.GiveBack();
        using IStoreUnderTest store = Stores[index](size);
        return Cost.OfInserts(store, size, batch, threads);
    }

    /// <summary>The stores, filled, and what there is to print of how they were.</summary>
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

    /// <summary>In a method of its own, so that nothing refers to the store when it has returned, and its memory can go back.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FillOnce(int index, InsertTimes times) => Fill(index, times).Store.Dispose();

    private (IStoreUnderTest Store, long Resident) Fill(int index, InsertTimes times)
    {
        SystemMemory.GiveBack();
        long before = SystemMemory.Resident(Environment.ProcessId);
        IStoreUnderTest store = Stores[index](size);
        times.Fill(store);
        SystemMemory.GiveBack();
        return (store, SystemMemory.Resident(Environment.ProcessId) - before);
    }

    private string PerKey(long resident) => $"{resident / (double)size.Keys,10:N1}{(resident - size.DataBytes) / (double)size.Keys,12:N1}";
}
