namespace KestrelKv.Benchmarks.Stores;

/// <summary>A store as the benchmark sees it: batches of reads and of writes of keys by their numbers.</summary>
internal interface IStoreUnderTest : IDisposable
{
    string Name { get; }

    /// <summary>A worker for one thread and batches of at most this size.</summary>
    IStoreWorker CreateWorker(int batch);
}

/// <summary>A thread's way to a store.</summary>
internal interface IStoreWorker : IDisposable
{
    /// <summary>Reads these keys, and copies each value, as a server does.</summary>
    /// <returns>How many were found.</returns>
    int Get(ReadOnlySpan<int> keys);

    /// <summary>Sets these keys' values.</summary>
    void Put(ReadOnlySpan<int> keys);
}
