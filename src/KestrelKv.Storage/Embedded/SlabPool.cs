using System.Diagnostics;
using System.Runtime.InteropServices;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Embedded;

/// <summary>A pool of slabs outside the managed heap, of one size and aligned to it, for the heaps of all shards. Thread-safe.</summary>
/// <remarks>
/// <para>
/// Slabs are carved from regions that the system's allocator provides. A returned slab releases its pages to the system immediately, and
/// remains in the pool. The address space of regions is kept until the pool is disposed of.
/// </para>
/// <para>
/// <b>Ownership.</b> The pool owns the regions. The caller of <see cref="Rent"/> owns the slab until it returns the slab. <see
/// cref="Dispose"/> frees all regions, with the slabs that are still rented; no block in them may be used afterwards.
/// </para>
/// <para>
/// <b>Locks.</b> <c>_lock</c> protects the lists, the unused part of the last region, the count, and the flags. <c>_advising</c>
/// keeps regions alive while the kernel is advised on them outside <c>_lock</c>. It is acquired before <c>_lock</c>.
/// </para>
/// </remarks>
internal sealed unsafe partial class SlabPool : IDisposable
{
    /// <summary>The size and alignment of a slab in bytes: four pages.</summary>
    public const int SlabBytes = 16 * 1024;

    private const int RegionBytes = 4 * 1024 * 1024;
    private const int HugePageBytes = 2 * 1024 * 1024;
    private const int AdviseDontNeed = 4;
    private const int AdviseHugePage = 14;
    private const int AdviseCollapse = 25;

    /// <summary>Whether slabs consist of whole pages. Advice on larger pages would also affect neighbouring slabs.</summary>
    private static readonly bool HasWholePages = OperatingSystem.IsLinux() && SlabBytes % Environment.SystemPageSize == 0;

    /// <summary>The minimum number of regions to collapse. The kernel collapses the pages of fewer regions over time.</summary>
    private const int RegionsCollapsedMin = 16;

    /// <summary>
    /// The pause after each collapsed page. The collapse takes milliseconds, during which the process can neither allocate memory from the
    /// system nor start threads. With the pauses, one GiB takes about 10 seconds.
    /// </summary>
    private static readonly TimeSpan CollapsePause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();

    private readonly Lock _advising = new();
    private readonly List<nint> _regions = [];
    private readonly Stack<nint> _free = new();
    private byte* _unused;
    private byte* _unusedEnd;
    private long _rented;
    private bool _disposed;
    private bool _smallPages;

    public long BytesRented => Volatile.Read(ref _rented) * SlabBytes;

    /// <summary>Rents a slab. Its contents are undefined.</summary>
    public byte* Rent()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_free.TryPop(out nint slab))
            {
                // Reserve room for its return, which must not fail.
                _free.EnsureCapacity((int)_rented + 1);
                if (_unused == _unusedEnd) AddRegion();
                slab = (nint)_unused;
                _unused += SlabBytes;
            }
            _rented++;
            return (byte*)slab;
        }
    }

    /// <summary>
    /// Uses small pages for new regions. A virtual machine may need milliseconds for each huge page, which adds up to seconds while a start
    /// loads its data.
    /// </summary>
    public void UseSmallPages()
    {
        lock (_lock) _smallPages = true;
    }

    /// <summary>Uses huge pages again. A thread of lower priority collapses the existing small pages.</summary>
    /// <remarks>
    /// May run at the same time as <see cref="Dispose"/>, which waits until no region is advised on. After it, there are no regions. The
    /// thread checks this before each page.
    /// </remarks>
    public void UseHugePages()
    {
        nint[] regions;
        lock (_advising)
        {
            lock (_lock)
            {
                if (!_smallPages) return;
                _smallPages = false;
                regions = [.. _regions];
            }
            foreach (nint region in regions) AdviseHugePages(region);
        }
        if (regions.Length >= RegionsCollapsedMin)
            new Thread(() => Collapse(regions)) { Name = "kestrelkv pages", IsBackground = true }.Start();
    }

    public void Return(byte* slab)
    {
        Debug.Assert(((nuint)slab & (SlabBytes - 1)) == 0, "the address is not the start of a slab");
        if (HasWholePages) _ = Advise(slab, SlabBytes, AdviseDontNeed);
        lock (_lock)
        {
            _free.Push((nint)slab);
            _rented--;
        }
    }

    public void Dispose()
    {
        lock (_advising)
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
        _unused = (byte*)NativeMemory.AlignedAlloc(RegionBytes, HugePageBytes);
        if (!_smallPages) AdviseHugePages((nint)_unused);
        _unusedEnd = _unused + RegionBytes;
        _regions.Add((nint)_unused);
    }

    /// <summary>Requests huge pages. With pages of 4 KiB, most look-ups in a large store also miss the translation cache.</summary>
    private static void AdviseHugePages(nint region)
    {
        if (OperatingSystem.IsLinux()) _ = Advise((void*)region, RegionBytes, AdviseHugePage);
    }

    private void Collapse(nint[] regions)
    {
        if (!OperatingSystem.IsLinux()) return;
        Libc.LowerPriority();
        foreach (nint region in regions)
        {
            for (int at = 0; at < RegionBytes; at += HugePageBytes)
            {
                lock (_advising)
                {
                    if (_disposed) return;
                    _ = Advise((byte*)region + at, HugePageBytes, AdviseCollapse);
                }
                Thread.Sleep(CollapsePause);
            }
        }
    }

    // madvise(2). A failure does no harm: the pages remain as they are.
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint bytes, int advice);
}
