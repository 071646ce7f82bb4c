using System.Diagnostics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>A sixteenth of the entries, chosen by the hashes of their keys, under one lock.</summary>
/// <remarks>
/// <para>
/// Invariant while the lock is free: each entry is in the index of its stripe, its key is in the ordered keys, an entry
/// that expires is in the expiry heap at the place that the entry records, and nothing else is there.
/// </para>
/// <para>
/// <b>Changes</b> have two halves. <see cref="Prepare"/> obtains all memory and may fail; then the commit is written;
/// then <see cref="Complete"/> applies the change and cannot fail. <see cref="Abandon"/> undoes a preparation.
/// Recovery calls both halves in a row (<see cref="Apply"/>).
/// </para>
/// <para>
/// The index is split into stripes because growing one holds the lock while its entries move.
/// </para>
/// </remarks>
internal sealed class Shard : IDisposable
{
    /// <summary>How many bits of the hash choose the shard; those after them choose the stripe.</summary>
    public const int ShardBits = 4;

    private const int StripeBits = 4;

    /// <summary>How many neighbours in the index are looked at, where an entry to evict is looked for.</summary>
    private const int SampleEntries = 4;

    /// <summary>So many are looked at if all of these are internal.</summary>
    private const int LargeSampleEntries = 256;

    private readonly StoreClock _clock;
    private readonly MemoryLimit? _limit;
    private readonly EntryFields _fieldsAlways;
    private readonly NativeHeap _heap;
    private readonly OrderedKeys _order;
    private readonly ExpiryHeap _expiries = new();
    private readonly HashIndex[] _stripes = new HashIndex[1 << StripeBits];
    private long _indexBytes;
    private long _bytesCounted;
    private long _lastRemoval;
    private int _pendingExpiries;
    private volatile bool _isClosed;
    private ShortLock _lock;

    /// <param name="slabs">The memory of small blocks, shared by all shards.</param>
    /// <param name="clock">The store's clock.</param>
    /// <param name="limit">Counts what the shard takes; null without a limit.</param>
    /// <param name="evicts">Whether entries record when they were used.</param>
    public Shard(SlabPool slabs, StoreClock clock, MemoryLimit? limit, bool evicts)
    {
        _clock = clock;
        _limit = limit;
        _fieldsAlways = evicts ? EntryFields.LastUse : EntryFields.None;
        _heap = new NativeHeap(slabs);
        _order = new OrderedKeys(_heap);
        foreach (ref HashIndex stripe in _stripes.AsSpan())
        {
            stripe = HashIndex.Create();
            _indexBytes += stripe.Bytes;
        }
        ReportMemory();
    }

    /// <summary>
    /// The version of the last commit that removed an entry: what is known of a key that is not there is known by this one
    /// at the latest.
    /// </summary>
    public long LastRemoval => Volatile.Read(ref _lastRemoval);

    /// <summary>Bytes of keys and values, without internal ones.</summary>
    public long DataBytes { get; private set; }

    /// <summary>How many entries there are, without internal ones.</summary>
    public long Count { get; private set; }

    /// <summary>The number of entries with internal keys.</summary>
    public long InternalCount { get; private set; }

    /// <summary>Bytes of their keys and values.</summary>
    public long InternalBytes { get; private set; }

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
    public void Prefetch(ulong hash) => Stripe(hash).Prefetch(hash);

    /// <summary>Has what a look-up reads next loaded into the cache.</summary>
    public void PrefetchEntry(ulong hash) => Stripe(hash).PrefetchEntry(hash);

    /// <summary>The entry of a key, expired or not.</summary>
    public Entry Find(ReadOnlySpan<byte> key, ulong hash, out int slot) => Stripe(hash).Find(key, hash, out slot);

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

    /// <summary>Obtains all memory that a change needs, so that <see cref="Complete"/> cannot fail.</summary>
    /// <param name="change">The change.</param>
    /// <param name="hash">The hash of its key.</param>
    /// <param name="entry">The key's entry, if there is one.</param>
    /// <param name="isLast">Whether the key is probably greater than all others, which makes the search for its place faster.</param>
    /// <returns>The new block; none if the change needs none.</returns>
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

    /// <summary>Applies a prepared change. Cannot fail.</summary>
    /// <param name="change">The change that was prepared.</param>
    /// <param name="hash">The hash of its key.</param>
    /// <param name="entry">The key's entry, if there is one.</param>
    /// <param name="slot">The entry's slot in the index.</param>
    /// <param name="prepared">The result of <see cref="Prepare"/>.</param>
    /// <param name="version">The version of the commit.</param>
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

    /// <summary>Undoes a preparation.</summary>
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
    /// Applies a change of the log or a snapshot, unless the entry has a later version. An expiry or removal of a key without an
    /// entry has no effect.
    /// </summary>
    public void Apply(in Record change, ulong hash, long version, bool isLast = false)
    {
        Entry entry = Find(change.Key, hash, out int slot);
        if (entry.Exists ? entry.Version > version : change.Kind != RecordKind.Put) return;
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

    /// <summary>Adds a prepared entry of a key that has none.</summary>
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

    /// <summary>Replaces the block of an entry.</summary>
    private void Swap(Entry entry, int slot, ulong hash, Entry prepared)
    {
        CountValueBytes(entry, prepared.Value.Length - entry.Value.Length);
        Stripe(hash).Replace(slot, prepared, hash);
        if (prepared.Expires) _clock.Expect(prepared.ExpiresAt);
        if (entry.Expires && prepared.Expires)
        {
            _expiries.Replace(entry.HeapPlace, prepared);
        }
        else if (entry.Expires)
        {
            _expiries.RemoveAt(entry.HeapPlace, _pendingExpiries);
        }
        else if (prepared.Expires)
        {
            _expiries.Add(prepared);
            _pendingExpiries--;
        }
        Free(entry);
        ReportMemory();
    }

    /// <summary>Changes value and expiry of an entry in its own block.</summary>
    private void Overwrite(Entry entry, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        CountValueBytes(entry, value.Length - entry.Value.Length);
        entry.Overwrite(value, version);
        Touch(entry);
        if (expiresAt == Operation.Never) return;
        entry.ExpiresAt = expiresAt;
        _clock.Expect(expiresAt);
        _expiries.Replace(entry.HeapPlace, entry);
    }

    private bool FitsInPlace(Entry entry, int valueBytes, long expiresAt) =>
        entry.Expires == (expiresAt != Operation.Never) &&
        NativeHeap.RealBytes(Entry.BlockBytesFor(entry.Key.Length, valueBytes, FieldsFor(expiresAt))) == NativeHeap.RealBytes(entry.BlockBytes);

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
        if (entry.Expires) _expiries.RemoveAt(entry.HeapPlace, _pendingExpiries);
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

    /// <summary>Removes an expired entry, in a commit of its own.</summary>
    /// <returns>False if the log refuses the commit.</returns>
    public bool TryRemoveExpired(ICommitLog log, Entry entry, int slot, ulong hash)
    {
        if (log.TryCommit(new Record { Kind = RecordKind.Expired, Key = entry.Key }, out long version) != CommitStatus.Done) return false;
        if (!InternalKey.Is(entry.Key)) Expirations++;
        Remove(entry, slot, hash, version);
        return true;
    }

    /// <summary>Removes the entry that expires first, if it has expired.</summary>
    public bool TryRemoveExpired(ICommitLog log, long now)
    {
        if (_expiries.Count == 0 || !_expiries.First.IsExpired(now)) return false;
        Entry expired = Refind(_expiries.First, out int slot, out ulong hash);
        return TryRemoveExpired(log, expired, slot, hash);
    }

    /// <summary>Reports the earliest expiry to the clock. False if no entry expires.</summary>
    public bool ExpectNext()
    {
        if (_expiries.Count == 0) return false;
        _clock.Expect(_expiries.First.ExpiresAt);
        return true;
    }

    /// <summary>Whether an entry has expired that is still there.</summary>
    public bool HasExpired(long now) => _expiries.Count > 0 && _expiries.First.IsExpired(now);

    /// <summary>
    /// Of a few entries at a place in the index, the one used longest ago. Neighbours there have nothing to do with each
    /// other. False if the shard is empty.
    /// </summary>
    /// <param name="place">Any number, chosen at random.</param>
    /// <param name="oldest">The entry.</param>
    /// <param name="age">How long ago it was used, in the units of <see cref="StoreClock.UseTime"/>.</param>
    public bool TryFindOldest(uint place, out Entry oldest, out uint age)
    {
        if (TryFindOldestOf(place, stackalloc Entry[SampleEntries], out oldest, out age) || InternalCount == 0 || Count == 0)
            return oldest.Exists;

        // Request ids may be most of what there is, and must not keep the rest from making room.
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
            // Whoever relies on an internal entry would not know that it has gone.
            if (InternalKey.Is(entry.Key)) continue;
            uint entryAge = now - entry.LastUse;
            if (!oldest.Exists || entryAge > age) (oldest, age) = (entry, entryAge);
        }
        return oldest.Exists;
    }

    /// <summary>Removes the entry that <see cref="TryFindOldest"/> finds, in a commit of its own.</summary>
    /// <returns>False if there is none, or the log refuses the commit.</returns>
    public bool TryEvict(ICommitLog log, uint place)
    {
        if (!TryFindOldest(place, out Entry oldest, out _)) return false;
        oldest = Refind(oldest, out int slot, out ulong hash);
        if (log.TryCommit(new Record { Kind = RecordKind.Evicted, Key = oldest.Key }, out long version) != CommitStatus.Done) return false;
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

    /// <summary>Throws if the shard is closed. To be called under the lock before "no entry" is believed.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, typeof(EmbeddedStore));

    /// <summary>
    /// Frees all memory outside slabs. Waits for the lock; a later look-up finds nothing and then fails in
    /// <see cref="ThrowIfClosed"/>.
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

    private EntryFields FieldsFor(long expiresAt) => expiresAt == Operation.Never ? _fieldsAlways : _fieldsAlways | EntryFields.Expiry;

    private unsafe Entry Create(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiresAt)
    {
        EntryFields fields = FieldsFor(expiresAt);
        int bytes = Entry.BlockBytesFor(key.Length, value.Length, fields);
        Entry entry = Entry.Write(_heap.Allocate(bytes), fields, key, value, version: 0);
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
