namespace KestrelKv.Benchmarks.Stores;

/// <summary>A store under test: batches of reads and writes of numbered keys.</summary>
internal interface IStoreUnderTest : IDisposable
{
    string Name { get; }

    /// <summary>Creates a worker for one thread and for batches of at most the given size.</summary>
    IStoreWorker CreateWorker(int batch);
}

/// <summary>A thread's access to a store.</summary>
internal interface IStoreWorker : IDisposable
{
    /// <summary>Reads keys, copies each value as a server does, and returns the number of keys found.</summary>
    int Get(ReadOnlySpan<int> keys);

    void Put(ReadOnlySpan<int> keys);
}
