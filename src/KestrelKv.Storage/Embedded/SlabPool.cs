using System.Diagnostics;
using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>Slabs of memory off the managed heap, all of one size and aligned to it, for the heaps of all shards.</summary>
/// <remarks>
/// Slabs are cut from regions got from the system. A slab that comes back gives its pages back to the system at once
/// and waits to be rented again; the address space of regions is kept until the pool is disposed of. The lock protects
/// the two lists and the cut.
/// </remarks>
internal sealed unsafe partial class SlabPool : IDisposable
{
    /// <summary>A slab's size and alignment in bytes: four pages.</summary>
    public const int SlabBytes = 16 * 1024;

    private const int RegionBytes = 4 * 1024 * 1024;
    private const int HugePageBytes = 2 * 1024 * 1024;
    private const int AdviseDontNeed = 4;
    private const int AdviseHugePage = 14;

    /// <summary>Advice goes by whole pages: where these are larger than a slab it would concern others, too.</summary>
    private static readonly bool PagesFit = OperatingSystem.IsLinux() && SlabBytes % Environment.SystemPageSize == 0;

    private readonly Lock _lock = new();
    private readonly List<nint> _regions = [];
    private readonly Stack<nint> _free = new();
    private byte* _cut;
    private byte* _cutEnd;
    private long _rented;
    private bool _disposed;

    /// <summary>Bytes of the slabs that are rented.</summary>
    public long BytesRented => Volatile.Read(ref _rented) * SlabBytes;

    /// <summary>A slab; its bytes may have any value.</summary>
    public byte* Rent()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _rented++;
            if (_free.TryPop(out nint slab)) return (byte*)slab;
            if (_cut == _cutEnd) AddRegion();

            byte* cut = _cut;
            _cut += SlabBytes;
            return cut;
        }
    }

    /// <summary>Takes a slab back.</summary>
    public void Return(byte* slab)
    {
        Debug.Assert(((nuint)slab & (SlabBytes - 1)) == 0, "not the start of a slab");
        if (PagesFit) _ = Advise(slab, SlabBytes, AdviseDontNeed);
        lock (_lock)
        {
            _free.Push((nint)slab);
            _rented--;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (nint region in _regions) NativeMemory.AlignedFree((void*)region);
            _regions.Clear();
        }
    }

    private void AddRegion()
    {
        _cut = (byte*)Native.AllocateAligned(RegionBytes, HugePageBytes);

        // With pages of 4 KiB, most look-ups in a large store miss the translation cache besides.
        if (OperatingSystem.IsLinux()) _ = Advise(_cut, RegionBytes, AdviseHugePage);
        _cutEnd = _cut + RegionBytes;
        _regions.Add((nint)_cut);
    }

    // madvise(2). That it fails is no harm: the pages stay resident.
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint bytes, int advice);
}
