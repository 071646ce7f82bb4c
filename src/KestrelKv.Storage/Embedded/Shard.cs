using System.Diagnostics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>One sixteenth of the entries, selected by key hash, under one lock.</summary>
/// <remarks>
/// <para>
/// <b>Invariants</b> while the lock is free: each entry is in the index of its stripe, and its key is in the ordered keys. An entry with
/// an expiry is in the expiry heap, at the index that the entry stores. None of the three contains anything else.
/// </para>
/// <para>
/// <b>Changes</b> have two phases. <see cref="Prepare"/> allocates all memory and may fail. Then the commit is written. Then
/// <see cref="Complete"/> applies the change and cannot fail. <see cref="Abandon"/> undoes a preparation. Recovery runs both
/// phases without a commit in between (<see cref="Apply"/>).
/// </para>
/// <para>
/// <b>Memory and locks.</b> The shard owns the blocks of its entries. It frees a block when the entry is removed or gets another block,
/// when a preparation fails or is abandoned, and in <see cref="Dispose"/>, which acquires the lock itself. All other members require
/// the lock, except <see cref="Prefetch"/>, <see cref="LastRemoval"/> and <see cref="ThrowIfClosed"/>. Without the lock,
/// <see cref="Count"/> and <see cref="InternalBytes"/> are approximate.
/// </para>
/// <para>The index is split into stripes because the lock is held while a growing index moves its entries.</para>
/// </remarks>
internal sealed class Shard : IDisposable
{
    /// <summary>The number of low bits of the hash that select the shard. The bits after them select the stripe.</summary>
    public const int ShardBits = 4;

    private const int StripeBits = 4;

    /// <summary>The number of neighbouring entries in the index that eviction samples.</summary>
    private const int SampleEntries = 4;

    /// <summary>The size of a second sample, if the first one has only internal entries.</summary>
    private const int LargeSampleEntries = 256;

    private readonly StoreClock _clock;
    private readonly MemoryLimit? _limit;
    private readonly EntryFields _defaultFields;
    private readonly NativeHeap _heap;
    private readonly OrderedKeys _order;
    private readonly ExpiryHeap _expiries = new();
    private readonly HashIndex[] _stripes = new HashIndex[1 << StripeBits];
    private long _indexBytes;
    private long _reportedBytes;
    private long _lastRemoval;
    private int _pendingExpiries;
    private volatile bool _isClosed;
    private ShortLock _lock;

    public Shard(SlabPool slabs, StoreClock clock, MemoryLimit? limit, bool evicts)
    {
        _clock = clock;
        _limit = limit;
        _defaultFields = evicts ? EntryFields.LastUse : EntryFields.None;
        _heap = new NativeHeap(slabs);
        _order = new OrderedKeys(_heap);
        foreach (ref HashIndex stripe in _stripes.AsSpan())
        {
            stripe = HashIndex.Create();
            _indexBytes += stripe.Bytes;
        }
        ReportMemory();
    }

    /// <summary>The version of the last commit that removed an entry. The absence of any key depends on no later commit.</summary>
    public long LastRemoval => Volatile.Read(ref _lastRemoval);

    /// <summary>The total size of keys and values without internal ones, in bytes.</summary>
    public long DataBytes { get; private set; }

    /// <summary>The number of entries without internal ones.</summary>
    public long Count { get; private set; }

    public long InternalCount { get; private set; }

    /// <summary>The total size of internal keys and their values, in bytes.</summary>
    public long InternalBytes { get; private set; }

    public long Expirations { get; private set; }

    public long Evictions { get; private set; }

    public long MemoryBytes => _heap.BytesUsed + _expiries.Bytes + _indexBytes;

    public static int IndexOf(ulong hash) => (int)hash & ((1 << ShardBits) - 1);

    /// <summary>Acquires the lock, which is not reentrant.</summary>
    public void Enter() => _lock.Enter();

    public void Exit() => _lock.Exit();

    /// <summary>Prefetches the memory that a look-up reads first. Does not require the lock.</summary>
    public void Prefetch(ulong hash) => Stripe(hash).Prefetch(hash);

    public void PrefetchEntry(ulong hash) => Stripe(hash).PrefetchEntry(hash);

    public Entry Find(ReadOnlySpan<byte> key, ulong hash, out int slot) => Stripe(hash).Find(key, hash, out slot);

    /// <summary>
    /// Returns the memory of an entry in bytes: its block, and the most that it may add to the index, ordered keys and expiries.
    /// </summary>
    public long EntryBytes(int keyBytes, int valueBytes, long expiresAt) =>
        EntryBytes(Entry.BlockBytesFor(keyBytes, valueBytes, FieldsFor(expiresAt)), keyBytes, expiresAt != Operation.Never);

    /// <inheritdoc cref="EntryBytes(int, int, long)"/>
    public static long EntryBytes(Entry entry) => EntryBytes(entry.BlockBytes, entry.Key.Length, entry.Expires);

    private static long EntryBytes(int blockBytes, int keyBytes, bool expires) =>
        (long)NativeHeap.AllocationBytes(blockBytes) + HashIndex.BytesPerEntry + OrderedKeys.BytesPerKey(keyBytes) +
        (expires ? ExpiryHeap.BytesPerEntry : 0);

    public void Touch(Entry entry)
    {
        if (_defaultFields == EntryFields.LastUse) entry.LastUse = _clock.UseTime;
    }

    /// <summary>
    /// Extends the expiry of an entry that has not expired, if it expires before <paramref name="expiresAt"/>. Cannot fail. The clock needs
    /// no notice, because the planned sweep is early enough for any later expiry.
    /// </summary>
    public void ExtendExpiry(Entry entry, long expiresAt)
    {
        if (!entry.Expires || entry.ExpiresAt >= expiresAt) return;
        entry.ExpiresAt = expiresAt;
        _expiries.Replace(entry.HeapIndex, entry);
    }

    /// <summary>
    /// Allocates all memory for a change, so that <see cref="Complete"/> cannot fail. <paramref name="isLast"/> makes the insertion of a
    /// key faster that is greater than all others.
    /// </summary>
    /// <returns>The new block, for <see cref="Complete"/> or <see cref="Abandon"/>; none if the change needs none.</returns>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public Entry Prepare(in Record change, ulong hash, Entry entry, bool isLast = false)
    {
        if (change.Kind is not (RecordKind.Put or RecordKind.SetExpiry)) return default;
        ReadOnlySpan<byte> value = change.Kind == RecordKind.Put ? change.Value : entry.Value;
        if (entry.Exists && FitsInPlace(entry, value.Length, change.ExpiresAt)) return default;

        Entry block = Create(change.Key, value, change.ExpiresAt);
        bool addsExpiry = block.Expires && !(entry.Exists && entry.Expires);
        try
        {
            if (addsExpiry) _expiries.EnsureRoom(_pendingExpiries + 1);
            if (!entry.Exists)
            {
                ref HashIndex stripe = ref Stripe(hash);
                long before = stripe.Bytes;
                stripe.Reserve();
                _indexBytes += stripe.Bytes - before;
                AddToOrder(change.Key, isLast, ref stripe);
            }
        }
        catch (OutOfMemoryException)
        {
            Free(block);
            ReportMemory();
            throw;
        }
        if (addsExpiry) _pendingExpiries++;
        return block;
    }

    /// <summary>Applies a prepared change with the version of its commit. Cannot fail.</summary>
    public void Complete(in Record change, ulong hash, Entry entry, int slot, Entry prepared, long version)
    {
        if (prepared.Exists)
        {
            prepared.Version = version;
            if (entry.Exists) Swap(entry, slot, hash, prepared);
            else Link(prepared, hash);
        }
        else if (change.Kind is RecordKind.Put or RecordKind.SetExpiry)
        {
            Overwrite(entry, change.Kind == RecordKind.Put ? change.Value : entry.Value, version, change.ExpiresAt);
        }
        else if (entry.Exists)
        {
            Remove(entry, slot, hash, version);
        }
    }

    public void Abandon(ulong hash, Entry entry, Entry prepared)
    {
        if (!prepared.Exists) return;
        if (prepared.Expires && !(entry.Exists && entry.Expires)) _pendingExpiries--;
        if (!entry.Exists)
        {
            Stripe(hash).Release();
            _order.Remove(prepared.Key);
        }
        Free(prepared);
        ReportMemory();
    }

    /// <summary>
    /// Applies a change from the log or a snapshot, unless the entry already has it or a later one. An expiry or removal without an entry
    /// has no effect.
    /// </summary>
    /// <remarks>
    /// An entry that has the version of the change came from a snapshot, which may have a later expiry than the change because of a read
    /// that extended it.
    /// </remarks>
    public void Apply(in Record change, ulong hash, long version, bool isLast = false)
    {
        Entry entry = Find(change.Key, hash, out int slot);
        if (entry.Exists ? entry.Version >= version : change.Kind != RecordKind.Put) return;
        Complete(change, hash, entry, slot, Prepare(change, hash, entry, isLast), version);
    }

    private void AddToOrder(ReadOnlySpan<byte> key, bool isLast, ref HashIndex stripe)
    {
        try
        {
            if (isLast) _order.Append(key);
            else _order.Add(key);
        }
        catch (OutOfMemoryException)
        {
            stripe.Release();
            throw;
        }
    }

    private void Link(Entry entry, ulong hash)
    {
        Stripe(hash).Add(entry, hash);
        if (entry.Expires)
        {
            _clock.Expect(entry.ExpiresAt);
            _expiries.Add(entry);
            _pendingExpiries--;
        }
        if (InternalKey.Is(entry.Key))
        {
            InternalCount++;
            InternalBytes += entry.Key.Length + entry.Value.Length;
        }
        else
        {
            Count++;
            DataBytes += entry.Key.Length + entry.Value.Length;
        }
        ReportMemory();
    }

    private void Swap(Entry entry, int slot, ulong hash, Entry prepared)
    {
        CountValueBytes(entry, prepared.Value.Length - entry.Value.Length);
        Stripe(hash).Replace(slot, prepared, hash);
        if (prepared.Expires) _clock.Expect(prepared.ExpiresAt);
        if (entry.Expires && prepared.Expires)
        {
            _expiries.Replace(entry.HeapIndex, prepared);
        }
        else if (entry.Expires)
        {
            _expiries.RemoveAt(entry.HeapIndex, _pendingExpiries);
        }
        else if (prepared.Expires)
        {
            _expiries.Add(prepared);
            _pendingExpiries--;
        }
        Free(entry);
        ReportMemory();
    }

    private void Overwrite(Entry entry, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        CountValueBytes(entry, value.Length - entry.Value.Length);
        entry.Overwrite(value, version);
        Touch(entry);
        if (expiresAt == Operation.Never) return;
        entry.ExpiresAt = expiresAt;
        _clock.Expect(expiresAt);
        _expiries.Replace(entry.HeapIndex, entry);
    }

    private bool FitsInPlace(Entry entry, int valueBytes, long expiresAt) =>
        entry.Expires == (expiresAt != Operation.Never) &&
        NativeHeap.AllocationBytes(Entry.BlockBytesFor(entry.Key.Length, valueBytes, FieldsFor(expiresAt))) ==
            NativeHeap.AllocationBytes(entry.BlockBytes);

    private void CountValueBytes(Entry entry, int change)
    {
        if (InternalKey.Is(entry.Key)) InternalBytes += change;
        else DataBytes += change;
    }

    private void Remove(Entry entry, int slot, ulong hash, long version)
    {
        Volatile.Write(ref _lastRemoval, version);
        _order.Remove(entry.Key);
        ref HashIndex stripe = ref Stripe(hash);
        _indexBytes -= stripe.Bytes;
        stripe.RemoveAt(slot);
        _indexBytes += stripe.Bytes;
        if (entry.Expires) _expiries.RemoveAt(entry.HeapIndex, _pendingExpiries);
        if (InternalKey.Is(entry.Key))
        {
            InternalCount--;
            InternalBytes -= entry.Key.Length + entry.Value.Length;
        }
        else
        {
            Count--;
            DataBytes -= entry.Key.Length + entry.Value.Length;
        }
        Free(entry);
        ReportMemory();
    }

    private unsafe void Free(Entry entry) => _heap.Free(entry.Block, entry.BlockBytes);

    /// <summary>Removes an expired entry in a separate commit.</summary>
    /// <returns>False if the log refuses the commit.</returns>
    public bool TryRemoveExpired(ICommitLog log, Entry entry, int slot, ulong hash)
    {
        if (log.TryCommit(new Record { Kind = RecordKind.Expired, Key = entry.Key }, out long version) != CommitStatus.Done) return false;
        if (!InternalKey.Is(entry.Key)) Expirations++;
        Remove(entry, slot, hash, version);
        return true;
    }

    public bool TryRemoveExpired(ICommitLog log, long now)
    {
        if (_expiries.Count == 0 || !_expiries.First.IsExpired(now)) return false;
        Entry expired = Refind(_expiries.First, out int slot, out ulong hash);
        return TryRemoveExpired(log, expired, slot, hash);
    }

    /// <summary>Reports the earliest expiry to the clock. Returns false if no entry expires.</summary>
    public bool ExpectNext()
    {
        if (_expiries.Count == 0) return false;
        _clock.Expect(_expiries.First.ExpiresAt);
        return true;
    }

    public bool HasExpired(long now) => _expiries.Count > 0 && _expiries.First.IsExpired(now);

    /// <summary>
    /// Finds the least recently used of a few neighbouring entries at a random place of the index, and its age in units of
    /// <see cref="StoreClock.UseTime"/>. Neighbours are unrelated. Returns false if none may be evicted.
    /// </summary>
    public bool TryFindOldest(uint place, out Entry oldest, out uint age)
    {
        if (TryFindOldestOf(place, stackalloc Entry[SampleEntries], out oldest, out age) || InternalCount == 0 || Count == 0)
            return oldest.Exists;

        // Even if most entries are idempotency records, the others must remain evictable.
        return TryFindOldestOf(place, stackalloc Entry[LargeSampleEntries], out oldest, out age);
    }

    private bool TryFindOldestOf(uint place, Span<Entry> sample, out Entry oldest, out uint age)
    {
        int count = 0;
        for (uint i = 0; i < _stripes.Length && count < sample.Length; i++)
            count += _stripes[((place >> ShardBits) + i) % _stripes.Length].Sample(place >> (ShardBits + StripeBits), sample[count..]);

        oldest = default;
        age = 0;
        uint now = _clock.UseTime;
        foreach (Entry entry in sample[..count])
        {
            // Internal entries are never evicted: their users could not detect the loss.
            if (InternalKey.Is(entry.Key)) continue;
            uint entryAge = now - entry.LastUse;
            if (!oldest.Exists || entryAge > age) (oldest, age) = (entry, entryAge);
        }
        return oldest.Exists;
    }

    /// <summary>Removes the entry that <see cref="TryFindOldest"/> finds, in a separate commit.</summary>
    /// <returns>False if it finds none, or the log refuses the commit.</returns>
    public bool TryEvict(ICommitLog log, uint place)
    {
        if (!TryFindOldest(place, out Entry oldest, out _)) return false;
        oldest = Refind(oldest, out int slot, out ulong hash);
        if (log.TryCommit(new Record { Kind = RecordKind.Evicted, Key = oldest.Key }, out long version) != CommitStatus.Done) return false;
        Evictions++;
        Remove(oldest, slot, hash, version);
        return true;
    }

    public void PrefetchKeys(ReadOnlySpan<byte> from) => _order.Prefetch(from);

    /// <inheritdoc cref="OrderedKeys.CopyTo"/>
    public void CopyKeysTo(ReadOnlySpan<byte> from, bool inclusive, ReadOnlySpan<byte> prefix, int max, KeyList keys) =>
        _order.CopyTo(from, inclusive, prefix, max, keys);

    /// <inheritdoc cref="OrderedKeys.CopyBackTo"/>
    public void CopyKeysBackTo(ReadOnlySpan<byte> before, ReadOnlySpan<byte> prefix, int max, KeyList keys) =>
        _order.CopyBackTo(before, prefix, max, keys);

    /// <summary>Throws if the shard is closed. Must be called under the lock before a missing entry is reported.</summary>
    public void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, typeof(EmbeddedStore));

    /// <summary>
    /// Waits for the lock, and frees all memory outside slabs. Later look-ups find nothing, and then fail in <see cref="ThrowIfClosed"/>.
    /// </summary>
    public void Dispose()
    {
        Enter();
        try
        {
            if (_isClosed) return;
            _isClosed = true;
            _order.Clear();
            foreach (ref HashIndex stripe in _stripes.AsSpan())
            {
                for (int i = 0; i < stripe.Slots; i++)
                    if (stripe.At(i) is { Exists: true } entry) Free(entry);
                stripe.Clear();
            }
            _expiries.Dispose();
        }
        finally
        {
            Exit();
        }
    }

    private ref HashIndex Stripe(ulong hash) => ref _stripes[(int)(hash >> ShardBits) & ((1 << StripeBits) - 1)];

    private EntryFields FieldsFor(long expiresAt) => expiresAt == Operation.Never ? _defaultFields : _defaultFields | EntryFields.Expiry;

    private unsafe Entry Create(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiresAt)
    {
        EntryFields fields = FieldsFor(expiresAt);
        int bytes = Entry.BlockBytesFor(key.Length, value.Length, fields);
        Entry entry = Entry.Write(_heap.Allocate(bytes), fields, key, value, version: 0);
        if (entry.Expires) entry.ExpiresAt = expiresAt;
        Touch(entry);
        return entry;
    }

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
        if (bytes != _reportedBytes) _limit.Count(bytes - _reportedBytes);
        _reportedBytes = bytes;
    }
}
