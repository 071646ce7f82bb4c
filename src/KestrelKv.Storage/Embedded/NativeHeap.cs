using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>Blocks of memory off the managed heap for one shard, under that shard's lock.</summary>
/// <remarks>
/// <para>
/// Small blocks come in size classes from slabs of <see cref="SlabPool"/>, each slab for one class; larger ones from the
/// system. Whoever frees a block tells the size that it was asked for with.
/// </para>
/// <para>
/// What must hold: a slab is in its class' list if and only if it has a block to give; <c>Used</c> is the number of its
/// blocks that are out; the free blocks of a slab are linked through their first 8 bytes. In Debug builds the rest of
/// a free block has the poison, which is checked when the block is given out again.
/// </para>
/// </remarks>
internal sealed unsafe class NativeHeap(SlabPool slabs)
{
    /// <summary>Larger blocks come from the system.</summary>
    public const int SmallBytesMax = 2_048;

    private const int SlabHeaderBytes = 32;
    private const byte Poison = 0xDD;

    private readonly nint[] _partial = new nint[ClassOf(SmallBytesMax) + 1];

    /// <summary>Bytes of all blocks that are out, as large as they really are.</summary>
    public long BytesUsed { get; private set; }

    /// <summary>How large a block really is that is asked for with <paramref name="bytes"/>.</summary>
    public static int RealBytes(int bytes)
    {
        if (bytes > SmallBytesMax) return (bytes + 15) & ~15;
        int step = StepOf(bytes);
        return (bytes + step - 1) & -step;
    }

    /// <summary>A block of at least this size, aligned to 8; its bytes may have any value.</summary>
    /// <exception cref="OutOfMemoryException">Nothing has changed.</exception>
    public byte* Allocate(int bytes)
    {
        int real = RealBytes(bytes);
        byte* block = bytes > SmallBytesMax ? (byte*)NativeMemory.Alloc((nuint)real) : AllocateSmall(ClassOf(bytes), real);
        BytesUsed += real;
        return block;
    }

    /// <summary>Takes a block back.</summary>
    /// <param name="block">What <see cref="Allocate"/> gave.</param>
    /// <param name="bytes">What it was asked for with, or any other size with the same <see cref="RealBytes"/>.</param>
    public void Free(byte* block, int bytes)
    {
        int real = RealBytes(bytes);
        BytesUsed -= real;
        Fill(block, real);
        if (bytes > SmallBytesMax) NativeMemory.Free(block);
        else FreeSmall(block, ClassOf(bytes));
    }

    private byte* AllocateSmall(int sizeClass, int real)
    {
        var slab = (Slab*)_partial[sizeClass];
        if (slab == null) slab = AddSlab(sizeClass, real);

        byte* block = slab->Free;
        if (block != null)
        {
            slab->Free = *(byte**)block;
            CheckPoison(block, real);
        }
        else
        {
            block = (byte*)slab + slab->Cut;
            slab->Cut += (ushort)real;
        }

        slab->Used++;
        if (slab->Free == null && slab->Cut + real > SlabPool.SlabBytes) Unlink(slab);
        return block;
    }

    private void FreeSmall(byte* block, int sizeClass)
    {
        var slab = (Slab*)((nuint)block & ~(nuint)(SlabPool.SlabBytes - 1));
        Debug.Assert(slab->Class == sizeClass && slab->Used > 0, "freed with another size, or twice");

        bool wasFull = slab->Free == null && slab->Cut + slab->BlockBytes > SlabPool.SlabBytes;
        *(byte**)block = slab->Free;
        slab->Free = block;
        slab->Used--;
        if (wasFull) Link(slab);

        // One empty slab stays, so that a block that comes and goes does not take and give back a slab each time.
        if (slab->Used == 0 && (slab->Next != null || slab->Previous != null))
        {
            Unlink(slab);
            slabs.Return((byte*)slab);
        }
    }

    private Slab* AddSlab(int sizeClass, int real)
    {
        var slab = (Slab*)slabs.Rent();
        *slab = new Slab { Class = (ushort)sizeClass, BlockBytes = (ushort)real, Cut = SlabHeaderBytes };
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

    /// <summary>Classes lie 8 bytes apart up to 256, then closer than an eighth of their size.</summary>
    private static int StepOf(int bytes) => bytes <= 256 ? 8 : 1 << (BitOperations.Log2((uint)(bytes - 1)) - 4);

    private static int ClassOf(int bytes)
    {
        if (bytes <= 256) return (bytes + 7) >> 3;
        int log = BitOperations.Log2((uint)(bytes - 1));
        return 33 + (log - 8) * 16 + ((bytes - 1 - (1 << log)) >> (log - 4));
    }

    [Conditional("DEBUG")]
    private static void Fill(byte* block, int real) => new Span<byte>(block, real).Fill(Poison);

    [Conditional("DEBUG")]
    private static void CheckPoison(byte* block, int real)
    {
        if (new Span<byte>(block + sizeof(nint), real - sizeof(nint)).ContainsAnyExcept(Poison))
            throw new InvalidOperationException("A block was written to after it had been freed.");
    }

    /// <summary>The head of a slab; blocks follow.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Slab
    {
        public Slab* Next;
        public Slab* Previous;
        public byte* Free;
        public ushort Cut;
        public ushort Used;
        public ushort BlockBytes;
        public ushort Class;
    }
}
