using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Writes queued commits to the segments and syncs them. Called by <see cref="LogThread"/> or by a test; not thread-safe.
/// </summary>
/// <remarks>
/// If the disk is full, the write of a chunk is retried at the same offset: first at once, with the space of the prepared segments,
/// then at each call. Further commits are refused until that space is restored. Any other failure is final:
/// <see cref="WriteAheadLog.Fail"/>.
/// </remarks>
internal sealed class LogWriter(
    WriteAheadLog log, LogSignals signals, SegmentFiles files, RetainedSegments kept, ChangeFeed feed, bool showsUnsynced,
    Action<TimeSpan>? onSync)
{
    private List<LogChunk>? _chunks;
    private int _next;
    private long _writtenVersion = log.DurableVersion;

    private long _offset;
    private uint _previous;
    private long _syncedOffset;
    private bool _isMarked;
    private string? _fullReason;
    private long _bytesWritten;
    private long _syncs;
    private long _commitsSynced;

    /// <summary>The length of the log that a start would read, in bytes.</summary>
    public long LogBytes => files.FullBytes + Volatile.Read(ref _offset);

    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    public long Syncs => Volatile.Read(ref _syncs);

    public long CommitsSynced => Volatile.Read(ref _commitsSynced);

    /// <summary>The reason if queued commits cannot be written because the disk is full; otherwise null.</summary>
    public string? FullReason => Volatile.Read(ref _fullReason);

    /// <summary>Whether commits that have their versions wait for space.</summary>
    public bool IsStalled => _fullReason is not null && _chunks is not null;

    public bool IsUnsynced => _offset != _syncedOffset;

    /// <summary>Whether a mark records that all data is synced.</summary>
    public bool IsMarked => _isMarked;

    /// <summary>Sets the offset at which writing continues, and the checksum of the preceding record. Must be called first.</summary>
    public void ContinueFrom(long offset, uint previous)
    {
        _offset = _syncedOffset = offset;
        _previous = previous;
    }

    /// <summary>
    /// Writes all queued commits. Returns false if the disk is full: unwritten commits are kept for the next call, written ones can be
    /// synced.
    /// </summary>
    public bool Write()
    {
        if (log.Failure is not null) return true;
        try
        {
            while (!TryWriteQueued())
                if (!files.TryReleasePrepared(_fullReason!)) return false;

            // Each write may need new space. Without the reserve of prepared segments, the next write might find none.
            if (_fullReason is not null && files.FullReason is not null)
            {
                signals.RequestSegment(0);
                return false;
            }
            Volatile.Write(ref _fullReason, null);
            log.IsFull = false;
            return true;
        }
        catch (IOException e)
        {
            log.Fail(e);
            return true;
        }
    }

    /// <summary>Syncs the written data, and publishes the commits in it.</summary>
    public void Sync()
    {
        if (log.Failure is not null) return;
        try
        {
            if (IsUnsynced) SyncFile();
            long commits = _writtenVersion - log.DurableVersion;
            Volatile.Write(ref _commitsSynced, _commitsSynced + commits);
            if (commits == 0) return;

            // The feed is published first: a watch that begins after a call has completed must not show that call's changes.
            feed.Publish(_writtenVersion);
            log.Publish(_writtenVersion);
        }
        catch (IOException e)
        {
            log.Fail(e);
        }
    }

    /// <summary>Writes and syncs a mark that records that all data is synced. Does nothing if commits are queued or unsynced.</summary>
    public void Mark()
    {
        if (_isMarked || IsUnsynced || log.Failure is not null || !log.TryAddMark()) return;
        long version = _writtenVersion;
        if (!Write()) return;
        Sync();
        _isMarked = version == _writtenVersion;
    }

    private bool TryWriteQueued()
    {
        try
        {
            if (_chunks is null)
            {
                _chunks = log.Take();
                _next = 0;
            }
            for (; _next < _chunks.Count; _next++)
            {
                Write(_chunks[_next]);
                if (_chunks[_next].LastVersion > 0) _writtenVersion = _chunks[_next].LastVersion;
                if (showsUnsynced) feed.Publish(_writtenVersion);
            }
            _chunks = null;
            log.Recycle();
            return true;
        }
        catch (DiskFullException e)
        {
            Volatile.Write(ref _fullReason, e.Message);
            log.IsFull = true;
            return false;
        }
    }

    private void Write(LogChunk chunk)
    {
        if (chunk.SegmentBytes > 0) AdvanceSegment(chunk);
        if (chunk.HasMark) LogRecord.SetNumber(chunk.LogRecords, _syncedOffset);

        uint seed = files.Current.Seed, previous = _previous;
        for (Span<byte> rest = chunk.LogRecords; !rest.IsEmpty;)
        {
            Span<byte> logRecord = rest[..LogRecord.ReadHeader(rest).LogRecordBytes];
            previous = LogRecord.Seal(logRecord, seed, previous);
            rest = rest[logRecord.Length..];
        }
        files.Current.File.Write(chunk.LogRecords, _offset);
        feed.Append(chunk.LogRecords);
        Volatile.Write(ref _offset, _offset + chunk.Used);
        Volatile.Write(ref _bytesWritten, _bytesWritten + chunk.Used);
        _previous = previous;
        _isMarked = false;
        Debug.Assert(_offset + LogRecord.HeaderBytes <= files.Current.Bytes, "committers count what a segment has room for");
    }

    /// <summary>
    /// Ends and syncs the segment, then continues in the next one. Nothing is written to the next segment before that sync.
    /// </summary>
    private void AdvanceSegment(LogChunk chunk)
    {
        // A segment with an end record must be followed by another segment, so the next one must exist first.
        files.EnsureNext(chunk.SegmentBytes);
        long used = files.Current.WriteEnd(_offset, _previous);
        SyncFile();

        files.Advance(used);
        kept.Begin(files.Current.Number, _writtenVersion + 1, files.Current.Bytes);
        chunk.SegmentBytes = 0;
        _offset = _syncedOffset = FileHeader.Bytes;
        _previous = files.Current.Seed;
    }

    private void SyncFile()
    {
        long start = Stopwatch.GetTimestamp();
        files.Current.File.Sync();
        _syncedOffset = _offset;
        Volatile.Write(ref _syncs, _syncs + 1);
        onSync?.Invoke(Stopwatch.GetElapsedTime(start));
    }
}
