using System.Diagnostics;
using KestrelKv.Storage.Durability;

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

    /// <summary>How many neighbours in the index are looked at, where an entry to evict is looked for.</summary>
    private const int SampleEntries = 4;

    /// <summary>So many are looked at where all of these are hidden.</summary>
    private const int LargeSampleEntries = 256;

    private readonly StoreClock _clock;
    private readonly MemoryLimit? _limit;
    private readonly EntryFields _fieldsAlways;
    private readonly NativeHeap _heap;
    private readonly OrderedKeys _order;
    private readonly ExpiryHeap _expiries = new();
    private readonly HashIndex[] _segments = new HashIndex[1 << SegmentBits];
    private long _indexBytes;
    private long _bytesCounted;
    private long _lastRemoval;
    private ShortLock _lock;

    /// <param name="slabs">Memory for small blocks, of the whole store.</param>
    /// <param name="clock">The whole store's.</param>
    /// <param name="commits">The whole store's.</param>
    /// <param name="limit">Is told what the shard takes, if there is one.</param>
    /// <param name="evicts">Whether entries remember when they were used.</param>
    public Shard(SlabPool slabs, StoreClock clock, ICommitOrder commits, MemoryLimit? limit, bool evicts)
    {
        _clock = clock;
        Commits = commits;
        _limit = limit;
        _fieldsAlways = evicts ? EntryFields.LastUse : EntryFields.None;
        _heap = new NativeHeap(slabs);
        _order = new OrderedKeys(_heap);
        foreach (ref HashIndex segment in _segments.AsSpan())
        {
            segment = HashIndex.Create();
            _indexBytes += segment.Bytes;
        }
        ReportMemory();
    }

    /// <summary>The whole store's; once there are calls, to be changed under the locks of all shards.</summary>
    public ICommitOrder Commits { get; set; }

    /// <summary>
    /// The version of the last commit that removed an entry: what is known of a key that is not there is known by this one
    /// at the latest.
    /// </summary>
    public long LastRemoval => Volatile.Read(ref _lastRemoval);

    /// <summary>Bytes of keys and values, but for hidden ones.</summary>
    public long DataBytes { get; private set; }

    /// <summary>How many entries there are, but for hidden ones.</summary>
    public long Count { get; private set; }

    /// <summary>How many hidden entries there are.</summary>
    public long HiddenCount { get; private set; }

    /// <summary>How many entries were removed because they had expired.</summary>
    public long Expirations { get; private set; }

    /// <summary>How many entries were removed to make room for others.</summary>
    public long Evictions { get; private set; }

    /// <summary>Bytes of all memory that entries, index, order and expiries take.</summary>
    public long MemoryBytes => _heap.BytesUsed + _expiries.Bytes + _indexBytes;

    /// <summary>Which shard a key belongs to.</summary>
    public static int IndexOf(ulong hash) => (int)hash & ((1 << ShardBits) - 1);

    /// <summary>Takes the lock. Not to be taken twice by one thread.</summary>
    public void Enter() => _lock.Enter();

    /// <summary>Gives the lock back.</summary>
    public void Exit() => _lock.Exit();

    /// <summary>Has what a look-up reads first loaded into the cache. Without the lock.</summary>
    public void Prefetch(ulong hash) => Segment(hash).Prefetch(hash);

    /// <summary>Has what a look-up reads next loaded into the cache.</summary>
    public void PrefetchEntry(ulong hash) => Segment(hash).PrefetchEntry(hash);

    /// <summary>The entry of a key, expired or not.</summary>
    public Entry Find(ReadOnlySpan<byte> key, ulong hash, out int slot) => Segment(hash).Find(key, hash, out slot);

    /// <summary>
    /// How many bytes an entry takes: its block, as large as it really is, and what it may take in index, ordered keys and
    /// expiries.
    /// </summary>
    public long EntryBytes(int keyBytes, int valueBytes, long expiresAt) =>
        EntryBytes(Entry.BlockBytesFor(keyBytes, valueBytes, FieldsFor(expiresAt)), keyBytes, expiresAt != Operation.Never);

    /// <inheritdoc cref="EntryBytes(int, int, long)"/>
    public static long EntryBytes(Entry entry) => EntryBytes(entry.BlockBytes, entry.Key.Length, entry.Expires);

    private static long EntryBytes(int blockBytes, int keyBytes, bool expires) =>
        (long)NativeHeap.RealBytes(blockBytes) + HashIndex.BytesPerEntry + OrderedKeys.BytesPerKey(keyBytes) + (expires ? ExpiryHeap.BytesPerEntry : 0);

    /// <summary>Remembers that an entry is used now.</summary>
    public void Touch(Entry entry)
    {
        if (_fieldsAlways == EntryFields.LastUse) entry.LastUse = _clock.UseTime;
    }

    /// <summary>Adds an entry for a key that is not there.</summary>
    public void Add(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        AddUnordered(key, hash, value, version, expiresAt);
        _order.Add(key);
    }

    /// <summary>The same, which is faster where keys come in their order.</summary>
    public void Append(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        AddUnordered(key, hash, value, version, expiresAt);
        _order.Append(key);
    }

    private void AddUnordered(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        Entry entry = Create(key, value, version, expiresAt);
        if (entry.Expires) _expiries.Add(entry);
        ref HashIndex segment = ref Segment(hash);
        _indexBytes -= segment.Bytes;
        segment.Add(entry, hash);
        _indexBytes += segment.Bytes;
        if (HiddenKey.Is(key))
        {
            HiddenCount++;
        }
        else
        {
            Count++;
            DataBytes += key.Length + value.Length;
        }
        ReportMemory();
    }

    /// <summary>Gives an entry another value and expiry: in its own block where that is of the right size.</summary>
    public unsafe void Overwrite(Entry entry, int slot, ulong hash, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        bool expires = expiresAt != Operation.Never;
        if (!HiddenKey.Is(entry.Key)) DataBytes += value.Length - entry.Value.Length;
        int blockBytes = Entry.BlockBytesFor(entry.Key.Length, value.Length, FieldsFor(expiresAt));
        if (expires == entry.Expires && NativeHeap.RealBytes(blockBytes) == NativeHeap.RealBytes(entry.BlockBytes))
        {
            entry.Overwrite(value, version);
            Touch(entry);
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
        ReportMemory();
    }

    /// <summary>Removes an entry, by the commit of a version.</summary>
    public unsafe void Remove(Entry entry, int slot, ulong hash, long version)
    {
        Volatile.Write(ref _lastRemoval, version);
        _order.Remove(entry.Key);
        ref HashIndex segment = ref Segment(hash);
        _indexBytes -= segment.Bytes;
        segment.RemoveAt(slot);
        _indexBytes += segment.Bytes;
        if (entry.Expires) _expiries.RemoveAt(entry.HeapPlace);
        if (HiddenKey.Is(entry.Key))
        {
            HiddenCount--;
        }
        else
        {
            Count--;
            DataBytes -= entry.Key.Length + entry.Value.Length;
        }
        _heap.Free(entry.Block, entry.BlockBytes);
        ReportMemory();
    }

    /// <summary>Removes an entry that has expired, which is a commit of its own. False where the disk does not take it.</summary>
    public bool TryRemoveExpired(Entry entry, int slot, ulong hash)
    {
        if (Commits.TryCommit(new Record { Kind = RecordKind.Expired, Key = entry.Key }, out long version) != CommitStatus.Done) return false;
        if (!HiddenKey.Is(entry.Key)) Expirations++;
        Remove(entry, slot, hash, version);
        return true;
    }

    /// <summary>Removes the entry that expires next, if it has.</summary>
    public bool TryRemoveExpired(long now)
    {
        if (_expiries.Count == 0 || !_expiries.First.IsExpired(now)) return false;
        Entry expired = Refind(_expiries.First, out int slot, out ulong hash);
        return TryRemoveExpired(expired, slot, hash);
    }

    /// <summary>
    /// Of a few entries at a place in the index, the one used longest ago. Neighbours there have nothing to do with each
    /// other. False if the shard is empty.
    /// </summary>
    /// <param name="place">Any number, chosen at random.</param>
    /// <param name="oldest">The entry.</param>
    /// <param name="age">How long ago it was used, in the units of <see cref="StoreClock.UseTime"/>.</param>
    public bool TryFindOldest(uint place, out Entry oldest, out uint age)
    {
        if (TryFindOldestOf(place, stackalloc Entry[SampleEntries], out oldest, out age) || HiddenCount == 0 || Count == 0)
            return oldest.Exists;

        // Request ids may be most of what there is, and must not keep the rest from making room.
        return TryFindOldestOf(place, stackalloc Entry[LargeSampleEntries], out oldest, out age);
    }

    private bool TryFindOldestOf(uint place, Span<Entry> sample, out Entry oldest, out uint age)
    {
        int count = 0;
        for (uint i = 0; i < _segments.Length && count < sample.Length; i++)
            count += _segments[((place >> ShardBits) + i) % _segments.Length].Sample(place >> (ShardBits + SegmentBits), sample[count..]);

        oldest = default;
        age = 0;
        uint now = _clock.UseTime;
        foreach (Entry entry in sample[..count])
        {
            // Whoever relies on a hidden entry would not know that it has gone.
            if (HiddenKey.Is(entry.Key)) continue;
            uint entryAge = now - entry.LastUse;
            if (!oldest.Exists || entryAge > age) (oldest, age) = (entry, entryAge);
        }
        return oldest.Exists;
    }

    /// <summary>Removes the entry that <see cref="TryFindOldest"/> finds, which is a commit of its own. False where there is none, or the disk does not take it.</summary>
    public bool TryEvict(uint place)
    {
        if (!TryFindOldest(place, out Entry oldest, out _)) return false;
        oldest = Refind(oldest, out int slot, out ulong hash);
        if (Commits.TryCommit(new Record { Kind = RecordKind.Evicted, Key = oldest.Key }, out long version) != CommitStatus.Done) return false;
        Evictions++;
        Remove(oldest, slot, hash, version);
        return true;
    }

    /// <inheritdoc cref="OrderedKeys.Prefetch"/>
    public void PrefetchKeys(ReadOnlySpan<byte> from) => _order.Prefetch(from);

    /// <inheritdoc cref="OrderedKeys.CopyTo"/>
    public void CopyKeysTo(ReadOnlySpan<byte> from, bool inclusive, ReadOnlySpan<byte> prefix, int max, KeyList keys) =>
        _order.CopyTo(from, inclusive, prefix, max, keys);

    /// <inheritdoc cref="OrderedKeys.CopyBackTo"/>
    public void CopyKeysBackTo(ReadOnlySpan<byte> before, ReadOnlySpan<byte> prefix, int max, KeyList keys) =>
        _order.CopyBackTo(before, prefix, max, keys);

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

    private EntryFields FieldsFor(long expiresAt) => expiresAt == Operation.Never ? _fieldsAlways : _fieldsAlways | EntryFields.Expiry;

    private unsafe Entry Create(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        EntryFields fields = FieldsFor(expiresAt);
        int bytes = Entry.BlockBytesFor(key.Length, value.Length, fields);
        Entry entry = Entry.Write(_heap.Allocate(bytes), fields, key, value, version);
        if (entry.Expires) entry.ExpiresAt = expiresAt;
        Touch(entry);
        return entry;
    }

    /// <summary>An entry that is known to be there, with its slot and hash.</summary>
    private Entry Refind(Entry entry, out int slot, out ulong hash)
    {
        hash = KeyHash.Of(entry.Key);
        Entry found = Find(entry.Key, hash, out slot);
        Debug.Assert(found.Exists, "every entry is in the index");
        return found;
    }

    private void ReportMemory()
    {
        if (_limit is null) return;
        long bytes = MemoryBytes;
        if (bytes != _bytesCounted) _limit.Count(bytes - _bytesCounted);
        _bytesCounted = bytes;
    }
}
