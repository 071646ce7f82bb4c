using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace KestrelKv.Storage.Embedded;

/// <summary>A hash index from keys to entries, for one stripe of a shard: open addressing with linear probing.</summary>
/// <remarks>
/// <para>
/// <b>Slots.</b> A slot has 8 bytes. The upper 16 bits are those of the key's hash, as a tag. The lower 48 bits are the address of the
/// entry's block. Its lowest 3 bits are 0, because blocks are aligned to 8 bytes. They store the size of the block in cache lines, rounded
/// down, at most 7. A look-up reads one cache line of slots and, nearly always, one entry. A slot with 0 was never used. A slot with 1
/// had its entry removed.
/// </para>
/// <para>
/// <b>Invariants.</b> At least one slot was never used, so each search ends. Used, removed and reserved slots are at most 7/8 of all.
/// </para>
/// <para>
/// <b>Memory and locks.</b> The index owns its slots, but no blocks: the shard frees those before <see cref="Clear"/>. All members
/// require the shard's lock except <see cref="Prefetch"/>, which only issues a prefetch instruction; a stale address cannot fault.
/// </para>
/// </remarks>
internal unsafe struct HashIndex
{
    /// <summary>The memory per entry if half of the slots are used, in bytes. Only an index that has shrunk may use more.</summary>
    public const int BytesPerEntry = 2 * sizeof(ulong);

    private const int TagShift = 48;
    private const ulong AddressMask = (1UL << TagShift) - 1 - LinesMask;
    private const ulong LinesMask = 7;
    private const int LineShift = 6;
    private const ulong Removed = 1;
    private const int SlotsMin = 16;

    /// <summary>The number of low bits of the hash that choose the shard and the stripe.</summary>
    private const int HomeShift = 8;

    /// <summary>One slot that was never used, shared by all cleared indexes and never freed.</summary>
    private static readonly ulong* Closed = AllocateSlots(1);

    private ulong* _slots;
    private int _mask;
    private int _used;
    private int _removed;
    private int _reserved;

    public static HashIndex Create() => new() { _slots = AllocateSlots(SlotsMin), _mask = SlotsMin - 1 };

    public readonly long Bytes => (_mask + 1L) * sizeof(ulong);

    /// <summary>Frees the slots. Look-ups then find nothing, and no entry may be added.</summary>
    public void Clear()
    {
        NativeMemory.Free(_slots);
        this = new() { _slots = Closed };
    }

    /// <summary>Prefetches the slot of a key. Does not require the lock.</summary>
    public readonly void Prefetch(ulong hash)
    {
        if (Sse.IsSupported) Sse.Prefetch0(_slots + Home(hash, _mask));
    }

    /// <summary>Prefetches the entry that most likely has the key.</summary>
    public readonly void PrefetchEntry(ulong hash)
    {
        if (!Sse.IsSupported) return;
        ulong tag = hash >> TagShift;
        for (int i = Home(hash, _mask); ; i = (i + 1) & _mask)
        {
            ulong slot = _slots[i];
            if (slot == 0) return;
            if (slot >> TagShift != tag || slot == Removed) continue;

            byte* block = (byte*)(slot & AddressMask);
            // The first three lines of every block: cheaper than a test of the size.
            Sse.Prefetch0(block);
            Sse.Prefetch0(block + (1 << LineShift));
            Sse.Prefetch0(block + (2 << LineShift));
            for (ulong line = 3; line <= (slot & LinesMask); line++) Sse.Prefetch0(block + (line << LineShift));
            return;
        }
    }

    /// <summary>Returns the entry of a key, and its slot for <see cref="Replace"/> and <see cref="RemoveAt"/>.</summary>
    public readonly Entry Find(ReadOnlySpan<byte> key, ulong hash, out int slotIndex)
    {
        ulong tag = hash >> TagShift;
        for (int i = Home(hash, _mask); ; i = (i + 1) & _mask)
        {
            ulong slot = _slots[i];
            if (slot == 0)
            {
                slotIndex = -1;
                return default;
            }
            if (slot >> TagShift != tag || slot == Removed) continue;

            var entry = new Entry((byte*)(slot & AddressMask));
            if (!entry.Key.SequenceEqual(key)) continue;
            slotIndex = i;
            return entry;
        }
    }

    /// <summary>Reserves a slot for one more entry. Must be followed by <see cref="Add"/> or <see cref="Release"/>.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public void Reserve()
    {
        _reserved++;
        if ((_used + (long)_removed + _reserved) * 8 <= (_mask + 1) * 7L) return;
        try
        {
            Rebuild();
        }
        catch (OutOfMemoryException)
        {
            _reserved--;
            throw;
        }
    }

    public void Release() => _reserved--;

    /// <summary>Adds an entry to a reserved slot. Its key must not be in the index.</summary>
    public void Add(Entry entry, ulong hash)
    {
        Debug.Assert(_reserved > 0, "no slot is reserved");
        _reserved--;
        int i = Home(hash, _mask);
        while (_slots[i] > Removed) i = (i + 1) & _mask;
        if (_slots[i] == Removed) _removed--;
        _slots[i] = SlotOf(entry, hash);
        _used++;
    }

    /// <summary>Replaces the block in a slot by another of the same key.</summary>
    public readonly void Replace(int slotIndex, Entry entry, ulong hash) => _slots[slotIndex] = SlotOf(entry, hash);

    public void RemoveAt(int slotIndex)
    {
        // If the next slot was never used, no search continues beyond this one.
        bool last = _slots[(slotIndex + 1) & _mask] == 0;
        _slots[slotIndex] = last ? 0 : Removed;
        if (!last) _removed++;
        _used--;
        if (_used + _reserved >= (_mask + 1) / 8 || _mask + 1 == SlotsMin) return;
        try
        {
            Rebuild();
        }
        catch (OutOfMemoryException)
        {
            // An oversized table does no harm.
        }
    }

    /// <summary>Returns the entry in a slot, if any. Slots are numbered from 0 to <see cref="Slots"/> - 1.</summary>
    public readonly Entry At(int slotIndex) => _slots[slotIndex] > Removed ? new((byte*)(_slots[slotIndex] & AddressMask)) : default;

    public readonly int Slots => _mask + 1;

    /// <summary>Collects and prefetches entries from a random place on, until the span is full. Returns their number.</summary>
    public readonly int Sample(uint place, Span<Entry> entries)
    {
        int count = 0;
        for (int i = 0; i <= _mask && count < entries.Length; i++)
        {
            if (At((int)((place + (uint)i) & (uint)_mask)) is not { Exists: true } entry) continue;
            if (Sse.IsSupported) Sse.Prefetch0(entry.Block);
            entries[count++] = entry;
        }
        return count;
    }

    /// <summary>Moves to a table in which about a quarter to half of the slots are in use.</summary>
    private void Rebuild()
    {
        // The prefetch distance: entries must arrive from memory before their turn.
        const int Ahead = 8;

        int slots = SlotsMin;
        while (slots < (_used + (long)Math.Max(1, _reserved)) * 2) slots = checked(slots * 2);
        ulong* old = _slots;
        int oldSlots = _mask + 1;
        _slots = AllocateSlots(slots); // The only step that can fail: nothing has changed by then.
        _mask = slots - 1;
        _removed = 0;

        for (int i = 0; i < oldSlots; i++)
        {
            if (Sse.IsSupported && i + Ahead < oldSlots) Sse.Prefetch0((byte*)(old[i + Ahead] & AddressMask));
            if (old[i] <= Removed) continue;
            int to = Home(KeyHash.Of(new Entry((byte*)(old[i] & AddressMask)).Key), _mask);
            while (_slots[to] != 0) to = (to + 1) & _mask;
            _slots[to] = old[i];
        }
        NativeMemory.Free(old);
    }

    private static int Home(ulong hash, int mask) => (int)(hash >> HomeShift) & mask;

    private static ulong SlotOf(Entry entry, ulong hash)
    {
        Debug.Assert(((ulong)entry.Block & ~AddressMask) == 0 && (ulong)entry.Block > Removed, "the block is unaligned or beyond 48 bits");
        ulong lines = Math.Min(LinesMask, (ulong)NativeHeap.AllocationBytes(entry.BlockBytes) >> LineShift);
        return (hash >> TagShift << TagShift) | (ulong)entry.Block | lines;
    }

    private static ulong* AllocateSlots(int slots) => (ulong*)NativeMemory.AllocZeroed((nuint)slots, sizeof(ulong));
}
