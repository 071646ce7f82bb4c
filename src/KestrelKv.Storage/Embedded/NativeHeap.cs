using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>A heap of blocks outside the managed heap, for one shard. All members require that shard's lock.</summary>
/// <remarks>
/// <para>
/// Small blocks belong to size classes and come from slabs of <see cref="SlabPool"/>; each slab serves one class. Larger blocks come from
/// the system's allocator.
/// </para>
/// <para>
/// <b>Ownership.</b> The caller of <see cref="Allocate"/> owns the block until it passes the block to <see cref="Free"/> of the same heap.
/// The heap stores no block sizes: the caller must pass the size. The pool frees the slabs when it is disposed of, with all blocks in
/// them.
/// </para>
/// <para>
/// <b>Invariants.</b> A slab is in the list of its class if and only if it can provide a block. <c>Used</c> is the number of its
/// allocated blocks. The free blocks of a slab are linked through their first 8 bytes. In Debug builds the remaining bytes of a free
/// block are poisoned, and checked when the block is allocated again.
/// </para>
/// </remarks>
internal sealed unsafe class NativeHeap(SlabPool slabs)
{
    /// <summary>The maximum size of a block in a slab, in bytes. Larger blocks come from the system's allocator.</summary>
    public const int SmallBytesMax = 2_048;

    private const int SlabHeaderBytes = 32;
    private const byte PoisonByte = 0xDD;

    private readonly nint[] _partial = new nint[ClassOf(SmallBytesMax) + 1];

    /// <summary>The total size of all allocated blocks in bytes, as <see cref="AllocationBytes"/> rounds them.</summary>
    public long BytesUsed { get; private set; }

    /// <summary>Returns the size of a block for a requested size: that of its size class, or for larger blocks a multiple of 16.</summary>
    public static int AllocationBytes(int bytes)
    {
        if (bytes > SmallBytesMax) return (bytes + 15) & ~15;
        int step = StepOf(bytes);
        return (bytes + step - 1) & -step;
    }

    /// <summary>Allocates a block of at least this size, aligned to 8 bytes. Its contents are undefined.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public byte* Allocate(int bytes)
    {
        int blockBytes = AllocationBytes(bytes);
        byte* block = bytes > SmallBytesMax ? (byte*)NativeMemory.Alloc((nuint)blockBytes) : AllocateSmall(ClassOf(bytes), blockBytes);
        BytesUsed += blockBytes;
        return block;
    }

    /// <summary>Frees a block. The size must have the same <see cref="AllocationBytes"/> as the requested one.</summary>
    public void Free(byte* block, int bytes)
    {
        int blockBytes = AllocationBytes(bytes);
        BytesUsed -= blockBytes;
        FillWithPoison(block, blockBytes);
        if (bytes > SmallBytesMax) NativeMemory.Free(block);
        else FreeSmall(block, ClassOf(bytes));
    }

    private byte* AllocateSmall(int sizeClass, int blockBytes)
    {
        var slab = (Slab*)_partial[sizeClass];
        if (slab == null) slab = AddSlab(sizeClass, blockBytes);

        byte* block = slab->Free;
        if (block != null)
        {
            slab->Free = *(byte**)block;
            CheckPoison(block, blockBytes);
        }
        else
        {
            block = (byte*)slab + slab->UnusedFrom;
            slab->UnusedFrom += (ushort)blockBytes;
        }

        slab->Used++;
        if (slab->Free == null && slab->UnusedFrom + blockBytes > SlabPool.SlabBytes) Unlink(slab);
        return block;
    }

    private void FreeSmall(byte* block, int sizeClass)
    {
        var slab = (Slab*)((nuint)block & ~(nuint)(SlabPool.SlabBytes - 1));
        Debug.Assert(slab->Class == sizeClass && slab->Used > 0, "the block is freed with a wrong size or twice");

        bool wasFull = slab->Free == null && slab->UnusedFrom + slab->BlockBytes > SlabPool.SlabBytes;
        *(byte**)block = slab->Free;
        slab->Free = block;
        slab->Used--;
        if (wasFull) Link(slab);

        // Keep the slab if it is the only one in the list. Otherwise alternate allocation and release of one block would move a slab
        // each time.
        if (slab->Used == 0 && (slab->Next != null || slab->Previous != null))
        {
            Unlink(slab);
            slabs.Return((byte*)slab);
        }
    }

    private Slab* AddSlab(int sizeClass, int blockBytes)
    {
        var slab = (Slab*)slabs.Rent();
        *slab = new Slab { Class = (ushort)sizeClass, BlockBytes = (ushort)blockBytes, UnusedFrom = SlabHeaderBytes };
        Link(slab);
        return slab;
    }

    private void Link(Slab* slab)
    {
        var first = (Slab*)_partial[slab->Class];
        slab->Previous = null;
        slab->Next = first;
        if (first != null) first->Previous = slab;
        _partial[slab->Class] = (nint)slab;
    }

    private void Unlink(Slab* slab)
    {
        if (slab->Previous != null) slab->Previous->Next = slab->Next;
        else _partial[slab->Class] = (nint)slab->Next;
        if (slab->Next != null) slab->Next->Previous = slab->Previous;
        slab->Previous = slab->Next = null;
    }

    /// <summary>Size classes are 8 bytes apart up to 256 bytes. Above, there are 16 in each power of two.</summary>
    private static int StepOf(int bytes) => bytes <= 256 ? 8 : 1 << (BitOperations.Log2((uint)(bytes - 1)) - 4);

    private static int ClassOf(int bytes)
    {
        if (bytes <= 256) return (bytes + 7) >> 3;
        int log = BitOperations.Log2((uint)(bytes - 1));
        return 33 + (log - 8) * 16 + ((bytes - 1 - (1 << log)) >> (log - 4));
    }

    [Conditional("DEBUG")]
    private static void FillWithPoison(byte* block, int blockBytes) => new Span<byte>(block, blockBytes).Fill(PoisonByte);

    [Conditional("DEBUG")]
    private static void CheckPoison(byte* block, int blockBytes)
    {
        if (new Span<byte>(block + sizeof(nint), blockBytes - sizeof(nint)).ContainsAnyExcept(PoisonByte))
            throw new InvalidOperationException("A block of memory was written to after it was freed.");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Slab
    {
        public Slab* Next;
        public Slab* Previous;
        public byte* Free;
        public ushort UnusedFrom;
        public ushort Used;
        public ushort BlockBytes;
        public ushort Class;
    }
}
