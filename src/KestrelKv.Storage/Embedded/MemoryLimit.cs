namespace KestrelKv.Storage.Embedded;

/// <summary>The memory in use by all shards and reserved by writes, and its limit. Thread-safe.</summary>
/// <remarks>
/// A write checks the memory that its entry needs beyond the one that it replaces: the block, and shares of the index, ordered keys and
/// expiries. Concurrent writes may exceed the limit by these amounts, and by the growth of one stripe's index each. Later writes are
/// then refused.
/// </remarks>
internal sealed class MemoryLimit(long bytesMax)
{
    private long _used;
    private long _empty;

    public long BytesMax => bytesMax;

    public bool HasRoomFor(long bytes) => bytes <= bytesMax - Volatile.Read(ref _used);

    /// <summary>Whether this many bytes fit into an empty store.</summary>
    public bool FitsWhenEmpty(long bytes) => bytes <= bytesMax - _empty;

    /// <summary>Records the current use as that of an empty store.</summary>
    public void SetEmpty() => _empty = _used;

    /// <summary>Adds to the memory in use or reserved. Negative to subtract.</summary>
    public void Count(long change) => Interlocked.Add(ref _used, change);
}
