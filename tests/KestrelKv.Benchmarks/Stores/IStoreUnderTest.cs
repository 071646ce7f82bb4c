namespace KestrelKv.Benchmarks.Stores;

/// <summary>A store as the benchmark sees it: batches of reads and of writes of keys by their numbers.</summary>
internal interface IStoreUnderTest : IDisposable
{
    string Name { get; }

    /// <summary>Bytes that it counts as its own; 0 where it can't tell.</summary>
    long MemoryBytes { get; }

    /// <summary>A worker for one thread.</summary>
    IStoreWorker CreateWorker(StoreOptions options);
}

/// <summary>A thread's way to a store.</summary>
internal interface IStoreWorker : IDisposable
{
    /// <summary>Reads these keys, and looks at each value.</summary>
    /// <returns>How many were found.</returns>
    int Get(ReadOnlySpan<int> keys);

    /// <summary>Sets these keys' values.</summary>
    void Put(ReadOnlySpan<int> keys);
}
