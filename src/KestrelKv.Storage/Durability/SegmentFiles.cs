using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The files of the log: the one that is written to, and those that are prepared to come after it.</summary>
/// <remarks>
/// A segment is created under another name, filled with zeros, synced, and renamed: so one that has its name is whole, and
/// to write to it later changes nothing but contents, which a sync gets over with soonest. Committers claim the next
/// segment when the one before is used up, the writer takes it over when it gets there.
/// </remarks>
internal sealed class SegmentFiles : IDisposable
{
    /// <summary>How much is filled with zeros before it is synced: so that syncs of the log need not wait long for it.</summary>
    private const int StepBytes = 1024 * 1024;

    /// <summary>How long the first one of a directory is: no start should wait for more to be filled. The next ones are prepared meanwhile.</summary>
    public const long FirstBytes = 1024 * 1024;

    /// <summary>
    /// What commits leave free of a segment: for its end, and for a <see cref="VersionJump"/>, so that a start needs no space on a full disk.
    /// </summary>
    public static readonly int ReservedBytes = Frame.HeaderBytes + VersionJump.FrameBytes;

    private static readonly byte[] Zeros = GC.AllocateArray<byte>(StepBytes, pinned: true);

    private readonly IDisk _disk;
    private readonly ulong _store;
    private readonly long _usualBytes;

    /// <summary>Held while files are created: long. The writer takes it only where the segment it needs is not there yet.</summary>
    private readonly Lock _preparing = new();

    /// <summary>Held, within the former, while a segment is made longer: the writer must not go on to it meanwhile.</summary>
    private readonly Lock _extending = new();

    /// <summary>Protects all that follows; held for a moment only.</summary>
    private readonly Lock _state = new();
    private readonly List<Segment> _prepared;
    private readonly Dictionary<long, long> _full;
    private long _claimed;

    /// <summary>The length that the largest refused claim needs; 0 for none since the last <see cref="Prepare"/>.</summary>
    private long _wantedBytes;
    private long _refusedBytes = long.MaxValue;
    private string? _fullReason;

    /// <param name="disk">Where they are.</param>
    /// <param name="store">The number in the header of all files of this store.</param>
    /// <param name="usualBytes">How long a segment is that need not be longer.</param>
    /// <param name="current">The segment that is written to.</param>
    /// <param name="prepared">Those after it that are there already, in their order.</param>
    /// <param name="full">Those before it: how many bytes each has.</param>
    public SegmentFiles(
        IDisk disk, ulong store, long usualBytes, Segment current, IEnumerable<Segment> prepared, IReadOnlyDictionary<long, long> full)
    {
        _disk = disk;
        _store = store;
        _usualBytes = usualBytes;
        Current = current;
        _claimed = current.Number;
        _prepared = [.. prepared];
        _full = new(full);
    }

    /// <summary>The segment that is written to; for the writer.</summary>
    public Segment Current { get; private set; }

    /// <summary>The number in the header of all files of this store.</summary>
    public ulong Store => _store;

    /// <summary>Bytes of the segments that are full and kept.</summary>
    public long FullBytes
    {
        get
        {
            lock (_state) return _full.Values.Sum();
        }
    }

    /// <summary>The segments before one are no longer there.</summary>
    public void Forget(long before)
    {
        lock (_state)
        {
            foreach (long number in _full.Keys)
                if (number < before) _full.Remove(number);
        }
    }

    /// <summary>Why the next segment can't be prepared: the disk is full; null where it can.</summary>
    public string? FullReason => Volatile.Read(ref _fullReason);

    /// <summary>Whether some commits at least are refused, for lack of space, until <see cref="Prepare"/> is called again.</summary>
    public bool IsRefusing
    {
        get
        {
            lock (_state) return _fullReason is not null || _refusedBytes != long.MaxValue;
        }
    }

    /// <summary>How long a segment must be for one frame, and what is around it.</summary>
    public static long BytesFor(long frameBytes) => FileHeader.Bytes + Frame.HeaderBytes + frameBytes + ReservedBytes;

    /// <summary>Creates a segment.</summary>
    public static Segment Create(IDisk disk, ulong store, long number, long bytes)
    {
        string name = FileNames.OfSegment(number), unfinished = name + FileNames.Unfinished;

        // An attempt that ended with a crash may have left it.
        if (disk.List().Contains(unfinished)) disk.Delete(unfinished);
        IDiskFile file = disk.Create(unfinished);
        try
        {
            Span<byte> header = stackalloc byte[FileHeader.Bytes];
            uint seed = new FileHeader(FileKind.Segment, store, number).Write(header);
            file.Write(header, 0);
            FillWithZeros(file, FileHeader.Bytes, bytes);
            disk.Rename(unfinished, name);
            disk.SyncNames();
            return new Segment(number, file, seed, bytes);
        }
        catch (IOException)
        {
            // What was got of the space is to be free again. If that fails, too, the next start does it.
            file.Dispose();
            TryDelete(disk, unfinished);
            throw;
        }
    }

    /// <summary>The numbers of the segment that is written to and of those after it.</summary>
    public long[] Numbers()
    {
        lock (_state) return [Current.Number, .. _prepared.Select(segment => segment.Number)];
    }

    /// <summary>Claims the next segment for what comes next.</summary>
    /// <param name="needed">How long it must be.</param>
    /// <param name="evenUnprepared">Whether one may be claimed that has yet to be prepared.</param>
    /// <param name="bytes">How long it is, or will be.</param>
    public CommitStatus Claim(long needed, bool evenUnprepared, out long bytes)
    {
        lock (_state)
        {
            long next = NextBytes();
            bytes = next >= needed ? next : Math.Max(_usualBytes, needed);
            if (next < needed && (_fullReason is not null || needed >= _refusedBytes)) return CommitStatus.DiskFull;
            if (next < needed && !evenUnprepared)
            {
                _wantedBytes = Math.Max(_wantedBytes, needed);
                return CommitStatus.NotReady;
            }
            _claimed++;
        }
        return CommitStatus.Done;
    }

    /// <summary>Whether <see cref="Claim"/> would succeed or be refused for lack of space.</summary>
    public bool CanClaim(long needed)
    {
        lock (_state) return NextBytes() >= needed || _fullReason is not null || needed >= _refusedBytes;
    }

    /// <summary>Prepares what has been claimed, and the next segment. Where it is full, says so (<see cref="FullReason"/>).</summary>
    /// <param name="commitBytes">
    /// What the next segment must have room for, beyond the usual: an estimate, which counts only where no claim has asked for
    /// an exact length. Otherwise a claim that is a little smaller than a refused estimate would never be refused.
    /// </param>
    public void Prepare(long commitBytes = 0)
    {
        long bytes = Math.Max(_usualBytes, TakeWanted() is > 0 and long wanted ? wanted : BytesFor(commitBytes));
        try
        {
            lock (_preparing)
            {
                while (Last() is var last && last.Number <= Claimed())
                {
                    CheckSpace(_usualBytes);
                    Add(Create(_disk, _store, last.Number + 1, _usualBytes));
                }
                ExtendNext(_usualBytes);
                ExtendNext(bytes);
            }
            lock (_state)
            {
                _fullReason = null;
                _refusedBytes = long.MaxValue;
            }
        }
        catch (DiskFullException e)
        {
            lock (_state)
            {
                if (NextBytes() < _usualBytes) _fullReason = e.Message;
                else _refusedBytes = bytes;
            }
        }
    }

    /// <summary>Sees to it that the next segment is there, and so long; for the writer.</summary>
    /// <exception cref="DiskFullException">It is not prepared, and can't be.</exception>
    public void EnsureNext(long bytes)
    {
        if (First() is { } ready && ready.Bytes >= bytes) return;
        lock (_preparing)
        {
            if (First() is not { } next) Add(Create(_disk, _store, Current.Number + 1, bytes));
            else if (next.Bytes < bytes) Extend(next, bytes);
        }
    }

    /// <summary>
    /// Frees the space of the segments that no commit has claimed: a file system that copies on write needs it for what is
    /// overwritten. Commits that need another segment are refused until <see cref="Prepare"/> has restored it.
    /// </summary>
    /// <param name="reason">Why.</param>
    /// <returns>Whether there was any.</returns>
    public bool TryReleasePrepared(string reason)
    {
        lock (_preparing)
        {
            Segment[] released;
            lock (_state)
            {
                // First their lengths here, so that none is claimed while it is made shorter.
                released = [.. _prepared.Where(segment => segment.Number > _claimed && segment.Bytes > FileHeader.Bytes)];
                foreach (Segment segment in released) _prepared[_prepared.IndexOf(segment)] = segment with { Bytes = FileHeader.Bytes };
                if (released.Length > 0) _fullReason = reason;
            }
            foreach (Segment segment in released) TryTruncate(segment.File, FileHeader.Bytes);
            return released.Length > 0;
        }
    }

    /// <summary>Goes on to the next segment, which is there; for the writer.</summary>
    /// <param name="used">How many bytes of the current one have something.</param>
    public void Advance(long used)
    {
        lock (_extending)
        {
            Segment full = Current;
            lock (_state)
            {
                Current = _prepared[0];
                _prepared.RemoveAt(0);
                _full[full.Number] = used;
            }
            full.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_preparing)
        {
            Current.Dispose();
            foreach (Segment segment in _prepared) segment.Dispose();
            _prepared.Clear();
        }
    }

    /// <summary>Overwrites a part of a file, or makes it longer, and syncs it.</summary>
    public static void FillWithZeros(IDiskFile file, long from, long to)
    {
        for (long at = from; at < to; at += StepBytes)
        {
            file.Write(Zeros.AsSpan(0, (int)Math.Min(StepBytes, to - at)), at);
            file.Sync();
        }
    }

    private static void TryDelete(IDisk disk, string name)
    {
        try
        {
            disk.Delete(name);
        }
        catch (IOException)
        {
            // The failure that led here is the one to tell of.
        }
    }

    private static void TryTruncate(IDiskFile file, long length)
    {
        try
        {
            file.Truncate(length);
        }
        catch (IOException)
        {
            // Its bytes are zeros, and the next extension overwrites them.
        }
    }

    private long TakeWanted()
    {
        lock (_state)
        {
            long wanted = _wantedBytes;
            _wantedBytes = 0;
            return wanted;
        }
    }

    /// <summary>Refuses what cannot fit before anything is written, and before history is deleted for it.</summary>
    private void CheckSpace(long bytes)
    {
        if (_disk.AvailableBytes is var available && bytes > available) throw DiskFullException.OfSegment(bytes, available);
    }

    private long Claimed()
    {
        lock (_state) return _claimed;
    }

    /// <summary>The segment that would be claimed next, which need not be the last: several may be left from before a restart.</summary>
    private Segment? Next()
    {
        lock (_state) return _prepared.Find(segment => segment.Number == _claimed + 1);
    }

    /// <summary>How long it is; 0 where there is none. Under the lock.</summary>
    private long NextBytes() => Next()?.Bytes ?? 0;

    private Segment? First()
    {
        lock (_state) return _prepared.Count > 0 ? _prepared[0] : null;
    }

    private Segment Last()
    {
        lock (_state) return _prepared.Count > 0 ? _prepared[^1] : Current;
    }

    private void Add(Segment segment)
    {
        lock (_state) _prepared.Add(segment);
    }

    private void ExtendNext(long bytes)
    {
        if (Next() is not { } next || next.Bytes >= bytes) return;
        CheckSpace(bytes - next.Bytes);
        Extend(next, bytes);
    }

    /// <summary>
    /// Makes a prepared segment longer, unless the writer has gone on to it. Where the disk gets full, it keeps its length, and
    /// the space is free again.
    /// </summary>
    private void Extend(Segment segment, long bytes)
    {
        lock (_extending)
        {
            lock (_state)
                if (!_prepared.Contains(segment)) return;
            try
            {
                FillWithZeros(segment.File, segment.Bytes, bytes);
            }
            catch (DiskFullException)
            {
                TryTruncate(segment.File, segment.Bytes);
                throw;
            }
            lock (_state) _prepared[_prepared.IndexOf(segment)] = segment with { Bytes = bytes };
        }
    }
}
