using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The files of the log: the segment that is written to, and the segments prepared after it.</summary>
/// <remarks>
/// A segment is created under a temporary name, filled with zeros, synced and renamed. A segment with its final name is therefore
/// complete, and later writes change only its contents, which keeps syncs short. Committers claim the next segment when the current one
/// is used up. The writer advances to it later.
/// </remarks>
internal sealed class SegmentFiles : IDisposable
{
    /// <summary>The number of zero bytes written between two syncs. Small steps keep syncs of the log from waiting long.</summary>
    private const int StepBytes = 1024 * 1024;

    /// <summary>
    /// The length of the first segment of a directory. It is short so that the first start is fast. The next segments are prepared
    /// meanwhile.
    /// </summary>
    public const long FirstBytes = 1024 * 1024;

    /// <summary>
    /// The bytes that commits leave free in a segment: for its end record, and for a <see cref="VersionJump"/>, so that a start needs
    /// no space on a full disk.
    /// </summary>
    public static readonly int ReservedBytes = LogRecord.HeaderBytes + VersionJump.LogRecordBytes;

    private static readonly byte[] Zeros = GC.AllocateArray<byte>(StepBytes, pinned: true);

    private readonly IDisk _disk;
    private readonly ulong _store;
    private readonly long _usualBytes;

    /// <summary>
    /// Held while files are created, which takes long. The writer takes it only if the segment that it needs is not ready.
    /// </summary>
    private readonly Lock _preparing = new();

    /// <summary>
    /// Held while a segment is extended, so that the writer does not advance to it. Taken after <see cref="_preparing"/>.
    /// </summary>
    private readonly Lock _extending = new();

    /// <summary>Protects all fields below. Held only briefly.</summary>
    private readonly Lock _state = new();
    private readonly List<Segment> _prepared;
    private readonly Dictionary<long, long> _full;
    private long _claimed;

    /// <summary>The length that the largest refused claim needs; 0 for none since the last <see cref="Prepare"/>.</summary>
    private long _wantedBytes;
    private long _refusedBytes = long.MaxValue;
    private string? _fullReason;

    /// <summary>Continues a recovered log. <paramref name="full"/> has the used bytes of each segment before the current one.</summary>
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

    /// <summary>The segment that is written to. Used by the writer only.</summary>
    public Segment Current { get; private set; }

    public ulong Store => _store;

    /// <summary>The used bytes of the full segments that a start needs.</summary>
    public long FullBytes
    {
        get
        {
            lock (_state) return _full.Values.Sum();
        }
    }

    /// <summary>Removes the segments before <paramref name="before"/> from <see cref="FullBytes"/>.</summary>
    public void Forget(long before)
    {
        lock (_state)
        {
            foreach (long number in _full.Keys)
                if (number < before) _full.Remove(number);
        }
    }

    /// <summary>The reason if the next segment cannot be prepared because the disk is full; otherwise null.</summary>
    public string? FullReason => Volatile.Read(ref _fullReason);

    /// <summary>Whether some commits are refused for lack of space until <see cref="Prepare"/> is called again.</summary>
    public bool IsRefusing
    {
        get
        {
            lock (_state) return _fullReason is not null || _refusedBytes != long.MaxValue;
        }
    }

    /// <summary>Returns the length of a segment that has room for one log record of this length.</summary>
    public static long BytesFor(long logRecordBytes) => FileHeader.Bytes + LogRecord.HeaderBytes + logRecordBytes + ReservedBytes;

    public static Segment Create(IDisk disk, ulong store, long number, long bytes)
    {
        string name = FileNames.OfSegment(number), unfinished = name + FileNames.Unfinished;

        // A crash may have left the file of an earlier attempt.
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
            // Frees the space of the file. If the deletion fails too, the next start deletes it.
            file.Dispose();
            TryDelete(disk, unfinished);
            throw;
        }
    }

    /// <summary>Returns the numbers of the current segment and those after it.</summary>
    public long[] Numbers()
    {
        lock (_state) return [Current.Number, .. _prepared.Select(segment => segment.Number)];
    }

    /// <summary>
    /// Claims the next segment for a commit that needs this length. <paramref name="bytes"/> is the length that the segment has or will
    /// have.
    /// </summary>
    public CommitStatus Claim(long needed, bool allowUnprepared, out long bytes)
    {
        lock (_state)
        {
            long next = NextBytes();
            bytes = next >= needed ? next : Math.Max(_usualBytes, needed);
            if (next < needed && (_fullReason is not null || needed >= _refusedBytes)) return CommitStatus.DiskFull;
            if (next < needed && !allowUnprepared)
            {
                _wantedBytes = Math.Max(_wantedBytes, needed);
                return CommitStatus.NotReady;
            }
            _claimed++;
        }
        return CommitStatus.Done;
    }

    /// <summary>Whether <see cref="Claim"/> would succeed, or be refused for lack of space.</summary>
    public bool CanClaim(long needed)
    {
        lock (_state) return NextBytes() >= needed || _fullReason is not null || needed >= _refusedBytes;
    }

    /// <summary>Prepares the claimed segments and the next one. Sets <see cref="FullReason"/> if the disk is full.</summary>
    /// <param name="commitBytes">
    /// The length of the log record that must fit into the next segment. It is an estimate, used only if no claim has requested an
    /// exact length. Otherwise a claim slightly below a refused estimate would never be refused.
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

    /// <summary>Ensures that the next segment exists and has this length. Called by the writer.</summary>
    /// <exception cref="DiskFullException">The segment is not prepared and cannot be.</exception>
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
    /// Frees the space of the prepared segments that no commit has claimed, because a copy-on-write file system needs space even to
    /// overwrite data. Commits that need another segment are refused until <see cref="Prepare"/> has restored the segments.
    /// </summary>
    /// <returns>Whether any space was freed.</returns>
    public bool TryReleasePrepared(string reason)
    {
        lock (_preparing)
        {
            Segment[] released;
            lock (_state)
            {
                // The lengths change here before the files are truncated, so that no commit claims such a segment meanwhile.
                released = [.. _prepared.Where(segment => segment.Number > _claimed && segment.Bytes > FileHeader.Bytes)];
                foreach (Segment segment in released) _prepared[_prepared.IndexOf(segment)] = segment with { Bytes = FileHeader.Bytes };
                if (released.Length > 0) _fullReason = reason;
            }
            foreach (Segment segment in released) TryTruncate(segment.File, FileHeader.Bytes);
            return released.Length > 0;
        }
    }

    /// <summary>Advances to the next segment, which must exist. Called by the writer.</summary>
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

    public void Dispose()
    {
        lock (_preparing)
        {
            Current.Dispose();
            foreach (Segment segment in _prepared) segment.Dispose();
            _prepared.Clear();
        }
    }

    /// <summary>Overwrites or extends a file with zeros, and syncs it.</summary>
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
            // The exception that led here is reported.
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
            // The remaining bytes are zeros, and the next extension overwrites them.
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

    /// <summary>Throws if the disk lacks this space, before anything is written and before historical segments are deleted.</summary>
    private void CheckSpace(long bytes)
    {
        if (_disk.AvailableBytes is var available && bytes > available) throw DiskFullException.OfSegment(bytes, available);
    }

    private long Claimed()
    {
        lock (_state) return _claimed;
    }

    /// <summary>Returns the next segment to claim. It may not be the last one: several may exist after a restart.</summary>
    private Segment? Next()
    {
        lock (_state) return _prepared.Find(segment => segment.Number == _claimed + 1);
    }

    /// <summary>Returns the length of the next segment to claim; 0 if there is none. Called under <see cref="_state"/>.</summary>
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
    /// Extends a prepared segment, unless the writer has advanced to it. If the disk is full, truncates it to its previous length.
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
