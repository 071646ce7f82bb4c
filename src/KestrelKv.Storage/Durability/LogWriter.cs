using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Writes what the log has gathered to its segments, and syncs it. Knows no threads: <see cref="LogThread"/> calls it, or
/// a test.
/// </summary>
/// <remarks>
/// A write that finds the disk full is tried again at the same place, from the last frame that is known to be whole: at
/// once, with the space of the segments that are prepared ahead, then as often as is asked for. Commits are refused from
/// then on until that space is restored. Any other failure is final: <see cref="WriteAheadLog.Fail"/>.
/// </remarks>
/// <param name="log">What has gathered.</param>
/// <param name="signals">Wakes the preparer of segments.</param>
/// <param name="files">Where it goes.</param>
/// <param name="kept">Is told of each segment that is begun.</param>
/// <param name="feed">Is told of what is written, and of how much of it may be shown.</param>
/// <param name="showsUnsynced">Whether the feed may show what is not synced.</param>
/// <param name="onSync">Is told how long each sync took.</param>
internal sealed class LogWriter(
    WriteAheadLog log, LogSignals signals, SegmentFiles files, KeptSegments kept, ChangeFeed feed, bool showsUnsynced, Action<TimeSpan>? onSync)
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

    /// <summary>Bytes of the log that are kept.</summary>
    public long LogBytes => files.FullBytes + Volatile.Read(ref _offset);

    /// <summary>Bytes that were written since the beginning.</summary>
    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    /// <summary>How many syncs there were, of the log's contents.</summary>
    public long Syncs => Volatile.Read(ref _syncs);

    /// <summary>How many commits these synced.</summary>
    public long CommitsSynced => Volatile.Read(ref _commitsSynced);

    /// <summary>Why what has been gathered can't be written now: the disk is full; null where it can.</summary>
    public string? FullReason => Volatile.Read(ref _fullReason);

    /// <summary>Whether commits that have their versions wait for space.</summary>
    public bool IsStalled => _fullReason is not null && _chunks is not null;

    /// <summary>Whether something was written that is not synced.</summary>
    public bool IsUnsynced => _offset != _syncedOffset;

    /// <summary>Whether a mark tells that all was synced.</summary>
    public bool IsMarked => _isMarked;

    /// <summary>Where the writing goes on; before the first call of others.</summary>
    /// <param name="offset">In the current segment.</param>
    /// <param name="previous">The checksum of the frame before.</param>
    public void ContinueFrom(long offset, uint previous)
    {
        _offset = _syncedOffset = offset;
        _previous = previous;
    }

    /// <summary>Writes all that has been gathered.</summary>
    /// <returns>False while the disk is full; what could not be written is kept, what could can be synced.</returns>
    public bool Write()
    {
        if (log.Failure is not null) return true;
        try
        {
            while (!TryWriteGathered())
                if (!files.TryReleasePrepared(_fullReason!)) return false;

            // Each write may need space of its own: without a reserve, the next one might have none.
            if (_fullReason is not null && files.FullReason is not null)
            {
                signals.WantSegment(0);
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

    /// <summary>Syncs what has been written, and publishes it.</summary>
    public void Sync()
    {
        if (log.Failure is not null) return;
        try
        {
            if (IsUnsynced) SyncFile();
            long commits = _writtenVersion - log.DurableVersion;
            Volatile.Write(ref _commitsSynced, _commitsSynced + commits);
            if (commits == 0) return;

            // The feed first: one that begins after a call has completed does not show what that call did.
            feed.Publish(_writtenVersion);
            log.Publish(_writtenVersion);
        }
        catch (IOException e)
        {
            log.Fail(e);
        }
    }

    /// <summary>Writes and syncs a mark that tells that all is synced, if it is, and nothing else is to be written.</summary>
    public void Mark()
    {
        if (_isMarked || IsUnsynced || log.Failure is not null || !log.TryAddMark()) return;
        long version = _writtenVersion;
        if (!Write()) return;
        Sync();
        _isMarked = version == _writtenVersion;
    }

    private bool TryWriteGathered()
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
        if (chunk.SegmentBytes > 0) GoToNextSegment(chunk);
        if (chunk.HasMark) Frame.SetNumber(chunk.Frames, _syncedOffset);

        uint seed = files.Current.Seed, previous = _previous;
        for (Span<byte> rest = chunk.Frames; !rest.IsEmpty;)
        {
            Span<byte> frame = rest[..Frame.ReadHeader(rest).FrameBytes];
            previous = Frame.Seal(frame, seed, previous);
            rest = rest[frame.Length..];
        }
        files.Current.File.Write(chunk.Frames, _offset);
        feed.Remember(chunk.Frames);
        Volatile.Write(ref _offset, _offset + chunk.Used);
        Volatile.Write(ref _bytesWritten, _bytesWritten + chunk.Used);
        _previous = previous;
        _isMarked = false;
        Debug.Assert(_offset + Frame.HeaderBytes <= files.Current.Bytes, "committers count what a segment has room for");
    }

    /// <summary>Ends the segment. Nothing is written to the next one before this one is synced.</summary>
    private void GoToNextSegment(LogChunk chunk)
    {
        // First the next one: a segment that has its end must be followed by another.
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
