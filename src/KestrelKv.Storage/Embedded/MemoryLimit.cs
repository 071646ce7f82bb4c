namespace KestrelKv.Storage.Embedded;

/// <summary>What all shards take together, and what writes have reserved, beside what they may take. For use by many threads.</summary>
/// <remarks>
/// A write asks for what its entry takes beyond the one that it replaces: the block, and a part of index, ordered keys
/// and expiries. Writes that are under way at one time may pass the limit by what they ask for, and by the growth of one
/// stripe's index each: then the next ones are refused.
/// </remarks>
internal sealed class MemoryLimit(long bytesMax)
{
    private long _used;
    private long _empty;

    /// <summary>What they may take.</summary>
    public long BytesMax => bytesMax;

    /// <summary>Whether so many more bytes may be taken.</summary>
    public bool HasRoomFor(long bytes) => bytes <= bytesMax - Volatile.Read(ref _used);

    /// <summary>Whether so many bytes may be taken when no entry is there.</summary>
    public bool AllowsEver(long bytes) => bytes <= bytesMax - _empty;

    /// <summary>What is taken now is what an empty store takes.</summary>
    public void SetEmpty() => _empty = _used;

    /// <summary>Counts what is taken or reserved more, or less, than before.</summary>
    public void Count(long change) => Interlocked.Add(ref _used, change);
}
