using System.Diagnostics;

namespace KestrelKv.Storage.Embedded;

/// <summary>A part of the store with a lock of its own: the entries of the keys whose hashes choose it.</summary>
/// <remarks>
/// <para>
/// What must hold whenever the lock is free: each entry is in the index of its segment, its key in the ordered keys,
/// and, where it expires, in the expiry heap at the place that it knows; and nothing else is there.
/// </para>
/// <para>
/// The index is in segments so that one that grows, which takes the lock for as long as its entries take to be moved,
/// has only a small part of them.
/// </para>
/// </remarks>
internal sealed class Shard : IDisposable
{
    /// <summary>How many bits of the hash choose the shard; those after them choose the segment.</summary>
    public const int ShardBits = 4;

    private const int SegmentBits = 4;

    private readonly NativeHeap _heap;
    private readonly OrderedKeys _order;
    private readonly ExpiryHeap _expiries = new();
    private readonly HashIndex[] _segments = new HashIndex[1 << SegmentBits];
    private int _locked;

    public Shard(SlabPool slabs)
    {
        _heap = new NativeHeap(slabs);
        _order = new OrderedKeys(_heap);
        for (int i = 0; i < _segments.Length; i++) _segments[i] = HashIndex.Create();
    }

    /// <summary>Bytes of keys and values.</summary>
    public long DataBytes { get; private set; }

    public long Count { get; private set; }

    /// <summary>Bytes of all memory that entries, index, order and expiries take.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = _heap.BytesUsed + _expiries.Bytes;
            foreach (ref HashIndex segment in _segments.AsSpan()) bytes += segment.Bytes;
            return bytes;
        }
    }

    /// <summary>Which shard a key belongs to.</summary>
    public static int IndexOf(ulong hash) => (int)hash & ((1 << ShardBits) - 1);

    /// <summary>Takes the lock. Not to be taken twice by one thread.</summary>
    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _locked, 1, 0) == 0) return;
        var wait = new SpinWait();
        while (Volatile.Read(ref _locked) != 0 || Interlocked.CompareExchange(ref _locked, 1, 0) != 0) wait.SpinOnce(sleep1Threshold: -1);
    }

    /// <summary>Gives the lock back.</summary>
    public void Exit() => Volatile.Write(ref _locked, 0);

    /// <summary>Has what a look-up reads first loaded into the cache. Without the lock.</summary>
    public void Prefetch(ulong hash) => Segment(hash).Prefetch(hash);

    /// <summary>Has what a look-up reads next loaded into the cache.</summary>
    public void PrefetchEntry(ulong hash) => Segment(hash).PrefetchEntry(hash);

    /// <summary>The entry of a key, expired or not.</summary>
    public Entry Find(ReadOnlySpan<byte> key, ulong hash, out int slot) => Segment(hash).Find(key, hash, out slot);

    /// <summary>Adds an entry for a key that is not there.</summary>
    public void Add(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        Entry entry = Create(key, value, version, expiresAt);
        if (entry.Expires) _expiries.Add(entry);
        Segment(hash).Add(entry, hash);
        _order.Add(key);
        Count++;
        DataBytes += key.Length + value.Length;
    }

    /// <summary>Gives an entry another value and expiry: in its own block where that is of the right size.</summary>
    public unsafe void Overwrite(Entry entry, int slot, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        bool expires = expiresAt != Operation.Never;
        int bytes = Entry.BlockBytesFor(entry.Key.Length, value.Length, expires);
        DataBytes += value.Length - entry.Value.Length;
        if (expires == entry.Expires && NativeHeap.RealBytes(bytes) == NativeHeap.RealBytes(entry.BlockBytes))
        {
            entry.Overwrite(value, version);
            if (!expires) return;
            entry.ExpiresAt = expiresAt;
            _expiries.Replace(entry.HeapPlace, entry);
            return;
        }

        Entry moved = Create(entry.Key, value, version, expiresAt);
        Segment(hash).Replace(slot, moved, hash);
        if (entry.Expires && expires) _expiries.Replace(entry.HeapPlace, moved);
        else if (entry.Expires) _expiries.RemoveAt(entry.HeapPlace);
        else if (expires) _expiries.Add(moved);
        _heap.Free(entry.Block, entry.BlockBytes);
    }

    public unsafe void Remove(Entry entry, int slot, ulong hash)
    {
        _order.Remove(entry.Key);
        Segment(hash).RemoveAt(slot);
        if (entry.Expires) _expiries.RemoveAt(entry.HeapPlace);
        Count--;
        DataBytes -= entry.Key.Length + entry.Value.Length;
        _heap.Free(entry.Block, entry.BlockBytes);
    }

    /// <summary>Removes the entry that expires next, if it has.</summary>
    public bool RemoveOneExpired(long now)
    {
        if (_expiries.Count == 0 || !_expiries.First.IsExpired(now)) return false;
        Entry expired = _expiries.First;
        ulong hash = KeyHash.Of(expired.Key);
        Entry found = Find(expired.Key, hash, out int slot);
        Debug.Assert(found.Exists, "an entry that expires is in the index");
        Remove(found, slot, hash);
        return true;
    }

    /// <inheritdoc cref="OrderedKeys.Prefetch"/>
    public void PrefetchKeys(ReadOnlySpan<byte> from) => _order.Prefetch(from);

    /// <inheritdoc cref="OrderedKeys.CopyTo"/>
    public void CopyKeysTo(ReadOnlySpan<byte> from, bool inclusive, ReadOnlySpan<byte> prefix, int max, KeyList keys) =>
        _order.CopyTo(from, inclusive, prefix, max, keys);

    /// <summary>Gives all memory back that does not lie in slabs.</summary>
    public unsafe void Dispose()
    {
        _order.Clear();
        foreach (ref HashIndex segment in _segments.AsSpan())
        {
            for (int i = 0; i < segment.Slots; i++)
                if (segment.At(i) is { Exists: true } entry) _heap.Free(entry.Block, entry.BlockBytes);
            segment.Dispose();
        }
        _expiries.Dispose();
    }

    private ref HashIndex Segment(ulong hash) => ref _segments[(int)(hash >> ShardBits) & ((1 << SegmentBits) - 1)];

    private unsafe Entry Create(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        ArgumentOutOfRangeException.ThrowIfZero(key.Length, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, Entry.KeyBytesMax, nameof(key));
        int bytes = Entry.BlockBytesFor(key.Length, value.Length, expiresAt != Operation.Never);
        return Entry.Write(_heap.Allocate(bytes), key, value, version, expiresAt);
    }
}
