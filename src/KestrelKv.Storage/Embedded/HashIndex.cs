using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace KestrelKv.Storage.Embedded;

/// <summary>Finds the entry of a key: open addressing with linear probing, for one stripe of one shard.</summary>
/// <remarks>
/// <para>
/// A slot has 8 bytes: the upper 16 bits of the key's hash as a tag, and the 48 bits of the address of the entry's
/// block, the lowest 3 of which, 0 in any address, tell how many cache lines the block goes on for, 7 for more. So a
/// look-up reads one cache line of slots, and nearly always one entry. 0 is a slot that was never used, 1 one whose
/// entry was removed.
/// </para>
/// <para>
/// What must hold: there is always a slot that was never used, so that a search ends; slots in use and removed ones
/// together are at most 7/8 of all. All under the shard's lock but <see cref="Prefetch"/>, which touches no memory.
/// </para>
/// </remarks>
internal unsafe struct HashIndex
{
    /// <summary>What an entry takes where half of the slots are used: about the most, but for a store that has shrunk.</summary>
    public const int BytesPerEntry = 2 * sizeof(ulong);

    private const int TagShift = 48;
    private const ulong AddressMask = (1UL << TagShift) - 1 - LinesMask;
    private const ulong LinesMask = 7;
    private const int LineShift = 6;
    private const ulong Removed = 1;
    private const int SlotsMin = 16;

    /// <summary>The bits of the hash below these choose shard and stripe.</summary>
    private const int HomeShift = 8;

    /// <summary>One slot that was never used, shared by all indexes that are cleared.</summary>
    private static readonly ulong* Closed = AllocateSlots(1);

    private ulong* _slots;
    private int _mask;
    private int _used;
    private int _removed;
    private int _reserved;

    public static HashIndex Create() => new() { _slots = AllocateSlots(SlotsMin), _mask = SlotsMin - 1 };

    /// <summary>Bytes of the slots.</summary>
    public readonly long Bytes => (_mask + 1L) * sizeof(ulong);

    /// <summary>Frees the slots. Look-ups then find nothing; nothing may be added.</summary>
    public void Clear()
    {
        NativeMemory.Free(_slots);
        this = new() { _slots = Closed };
    }

    /// <summary>Has the slot of a key loaded into the cache. May be called without the lock.</summary>
    public readonly void Prefetch(ulong hash)
    {
        if (Sse.IsSupported) Sse.Prefetch0(_slots + Home(hash, _mask));
    }

    /// <summary>Has the entry that is most likely that of the key loaded into the cache.</summary>
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
            // The first lines of any block, which costs less than to tell small ones apart.
            Sse.Prefetch0(block);
            Sse.Prefetch0(block + (1 << LineShift));
            Sse.Prefetch0(block + (2 << LineShift));
            for (ulong line = 3; line <= (slot & LinesMask); line++) Sse.Prefetch0(block + (line << LineShift));
            return;
        }
    }

    /// <summary>The entry of a key, and its slot for <see cref="Replace"/> and <see cref="RemoveAt"/>.</summary>
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

    /// <summary>Reserves room for one more entry. To be followed by <see cref="Add"/> or <see cref="Release"/>.</summary>
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

    /// <summary>Ends a reservation.</summary>
    public void Release() => _reserved--;

    /// <summary>Adds an entry whose key is not there, in reserved room.</summary>
    public void Add(Entry entry, ulong hash)
    {
        Debug.Assert(_reserved > 0, "room is reserved before");
        _reserved--;
        int i = Home(hash, _mask);
        while (_slots[i] > Removed) i = (i + 1) & _mask;
        if (_slots[i] == Removed) _removed--;
        _slots[i] = SlotOf(entry, hash);
        _used++;
    }

    /// <summary>Puts another block of the same key into a slot.</summary>
    public readonly void Replace(int slotIndex, Entry entry, ulong hash) => _slots[slotIndex] = SlotOf(entry, hash);

    /// <summary>Removes the entry in a slot.</summary>
    public void RemoveAt(int slotIndex)
    {
        // Where the next slot was never used, no search goes on beyond this one.
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
            // A table that is too large does no harm.
        }
    }

    /// <summary>The entry in a slot, if there is one; slots are numbered from 0 up to <see cref="Slots"/>.</summary>
    public readonly Entry At(int slotIndex) => _slots[slotIndex] > Removed ? new((byte*)(_slots[slotIndex] & AddressMask)) : default;

    public readonly int Slots => _mask + 1;

    /// <summary>Takes entries from a place on, at most as many as there is room for, and has them loaded into the cache.</summary>
    /// <param name="place">Any number, chosen at random.</param>
    /// <param name="entries">Takes them.</param>
    /// <returns>How many.</returns>
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

    /// <summary>Moves to a table in which at most half of the slots, and at least a quarter or so, are in use.</summary>
    private void Rebuild()
    {
        // Far enough ahead for an entry to have come from memory when its turn is there.
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
        Debug.Assert(((ulong)entry.Block & ~AddressMask) == 0 && (ulong)entry.Block > Removed, "an address that does not fit");
        ulong lines = Math.Min(LinesMask, (ulong)NativeHeap.RealBytes(entry.BlockBytes) >> LineShift);
        return (hash >> TagShift << TagShift) | (ulong)entry.Block | lines;
    }

    private static ulong* AllocateSlots(int slots) => (ulong*)NativeMemory.AllocZeroed((nuint)slots, sizeof(ulong));
}
