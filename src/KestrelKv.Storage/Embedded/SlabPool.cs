using System.Diagnostics;
using System.Runtime.InteropServices;
using KestrelKv.Storage.Files;

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
    private const int AdviseCollapse = 25;

    /// <summary>Advice goes by whole pages: where these are larger than a slab it would concern others, too.</summary>
    private static readonly bool PagesFit = OperatingSystem.IsLinux() && SlabBytes % Environment.SystemPageSize == 0;

    /// <summary>Fewer regions than this are left to the system, which sees to their pages by and by.</summary>
    private const int RegionsCollapsedMin = 16;

    /// <summary>
    /// To make a page huge takes milliseconds, during which the process can't get memory from the system, or start threads:
    /// so there is a pause after each. A gigabyte takes about 10 seconds.
    /// </summary>
    private static readonly TimeSpan CollapsePause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();

    /// <summary>Held while the pages of a region are changed, and as regions are given back.</summary>
    private readonly Lock _collapsing = new();
    private readonly List<nint> _regions = [];
    private readonly Stack<nint> _free = new();
    private byte* _cut;
    private byte* _cutEnd;
    private long _rented;
    private bool _disposed;
    private bool _smallPages;

    /// <summary>Bytes of the slabs that are rented.</summary>
    public long BytesRented => Volatile.Read(ref _rented) * SlabBytes;

    /// <summary>A slab; its bytes may have any value.</summary>
    public byte* Rent()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_free.TryPop(out nint slab))
            {
                // Room for its return, which must not fail.
                _free.EnsureCapacity((int)_rented + 1);
                if (_cut == _cutEnd) AddRegion();
                slab = (nint)_cut;
                _cut += SlabBytes;
            }
            _rented++;
            return (byte*)slab;
        }
    }

    /// <summary>
    /// Has what is rented from now on in small pages: a virtual machine may need milliseconds for each huge one, and where
    /// much is rented at once, as at a start, that adds up to seconds.
    /// </summary>
    public void UseSmallPages()
    {
        lock (_lock) _smallPages = true;
    }

    /// <summary>Has huge pages again; all that has small ones gets huge ones on a thread that stands back for others.</summary>
    public void UseHugePages()
    {
        nint[] regions;
        lock (_lock)
        {
            if (!_smallPages) return;
            _smallPages = false;
            regions = [.. _regions];
        }
        foreach (nint region in regions) AdviseHugePages(region);
        if (regions.Length >= RegionsCollapsedMin) new Thread(() => Collapse(regions)) { Name = "kestrelkv pages", IsBackground = true }.Start();
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
        lock (_collapsing)
        lock (_lock)
        {
            _disposed = true;
            foreach (nint region in _regions) NativeMemory.AlignedFree((void*)region);
            _regions.Clear();
        }
    }

    private void AddRegion()
    {
        _regions.EnsureCapacity(_regions.Count + 1);
        _cut = (byte*)NativeMemory.AlignedAlloc(RegionBytes, HugePageBytes);
        if (!_smallPages) AdviseHugePages((nint)_cut);
        _cutEnd = _cut + RegionBytes;
        _regions.Add((nint)_cut);
    }

    /// <summary>With pages of 4 KiB, most look-ups in a large store miss the translation cache besides.</summary>
    private static void AdviseHugePages(nint region)
    {
        if (OperatingSystem.IsLinux()) _ = Advise((void*)region, RegionBytes, AdviseHugePage);
    }

    private void Collapse(nint[] regions)
    {
        if (!OperatingSystem.IsLinux()) return;
        Libc.StandBack();
        foreach (nint region in regions)
        {
            for (int at = 0; at < RegionBytes; at += HugePageBytes)
            {
                lock (_collapsing)
                {
                    if (_disposed) return;
                    _ = Advise((byte*)region + at, HugePageBytes, AdviseCollapse);
                }
                Thread.Sleep(CollapsePause);
            }
        }
    }

    // madvise(2). That it fails is no harm: the pages stay resident.
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint bytes, int advice);
}
