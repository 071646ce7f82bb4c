using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The write-ahead log: orders commits, and writes and syncs them in groups.</summary>
/// <remarks>
/// <para>
/// <b>Group commit.</b> Committers append log records to chunks of memory under one short lock. The order of the records is the order
/// of versions. One writer (<see cref="LogWriter"/>) takes all chunks, writes them, syncs them once, and publishes
/// <see cref="DurableVersion"/>, which completes the calls that wait for it. The next chunks fill meanwhile. No sync waits to make
/// its group larger.
/// </para>
/// <para>
/// <b>Space.</b> Segments are prepared ahead (<see cref="SegmentFiles"/>), and committers know the space left in them. A commit that
/// does not fit on the disk is refused before anything is changed. A commit that needs a segment which is being prepared, or arrives
/// while too much is queued, waits and retries (<see cref="WhenReady"/>). Only the removal of an expired or evicted entry, which frees
/// memory, may claim a segment that is not prepared yet.
/// </para>
/// <para>
/// <b>Failure.</b> After a failed write or sync the contents of the disk are unknown. All further commits are refused, and calls that
/// wait for durability fail (<see cref="DurabilityLostException"/>).
/// </para>
/// </remarks>
internal sealed class WriteAheadLog : ICommitLog
{
    /// <summary>The number of queued bytes above which further commits wait.</summary>
    private const long QueuedBytesMax = 16 * 1024 * 1024;

    private readonly SegmentFiles _files;
    private readonly DurableWaits _waits;
    private readonly LogSignals _signals;
    private readonly ChangeFeed _feed;
    private readonly DurabilityMode _mode;
    private ShortLock _lock;
    private List<LogChunk> _queue = [];
    private List<LogChunk> _taken = [];
    private LogChunk? _open;
    private long _queuedBytes;

    // The position of the next log record, and the length that its segment has or will have.
    private long _segment;
    private long _position;
    private long _segmentBytes;

    private long _last;
    private volatile Exception? _failure;
    private volatile bool _isFull;
    private volatile bool _isClosed;
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// Continues a log whose last commit is on disk, at an offset of the current segment. The feed is disposed of with the log.
    /// </summary>
    public WriteAheadLog(SegmentFiles files, LogSignals signals, ChangeFeed feed, DurabilityMode mode, long last, long position)
    {
        (_files, _signals, _feed, _mode) = (files, signals, feed, mode);
        _waits = new DurableWaits(last);
        _last = last;
        _segment = files.Current.Number;
        _segmentBytes = files.Current.Bytes;
        _position = position;
    }

    public long Last => Volatile.Read(ref _last);

    public long DurableVersion => _waits.Durable;

    /// <summary>The failure of the disk; null if it has not failed.</summary>
    public Exception? Failure => _failure;

    /// <summary>
    /// Set while taken commits cannot be written because the disk is full. Further commits are then refused, so that their calls do not
    /// have to wait for space.
    /// </summary>
    public bool IsFull
    {
        set
        {
            _isFull = value;
            if (value) Progress();
        }
    }

    public bool HasQueued => Volatile.Read(ref _open) is not null;

    public bool IsBehind => Interlocked.Read(ref _queuedBytes) > QueuedBytesMax;

    public CommitStatus TryCommit(in Record change, out long version)
    {
        int payloadBytes = change.Bytes;
        _lock.Enter();
        try
        {
            // Removals free memory that other writes wait for.
            bool isRemoval = change.Kind is RecordKind.Expired or RecordKind.Evicted;
            CommitStatus status = TryReserve(payloadBytes, isRemoval, out Span<byte> logRecord);
            version = _last + 1;
            if (status != CommitStatus.Done) return status;
            LogRecord.Begin(logRecord, LogRecordKind.Commit, payloadBytes, version);
            change.Write(logRecord[LogRecord.HeaderBytes..]);
            Finish(version);
            return CommitStatus.Done;
        }
        finally
        {
            _lock.Exit();
        }
    }

    public CommitStatus TryCommit(ReadOnlySpan<Change> changes, long expected, out long version)
    {
        int payloadBytes = Record.BytesOf(changes);
        _lock.Enter();
        try
        {
            version = _last + 1;
            if (expected != 0 && version != expected) return CommitStatus.VersionConflict;
            CommitStatus status = TryReserve(payloadBytes, isRemoval: false, out Span<byte> logRecord);
            if (status != CommitStatus.Done) return status;
            LogRecord.Begin(logRecord, LogRecordKind.Commit, payloadBytes, version);
            Record.Write(changes, logRecord[LogRecord.HeaderBytes..]);
            Finish(version);
            return CommitStatus.Done;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>
    /// Returns the version of the last commit, and the segment of the next one. The next commit may also go to a later segment.
    /// </summary>
    public (long Version, long Segment) Position()
    {
        _lock.Enter();
        try
        {
            return (_last, _segment);
        }
        finally
        {
            _lock.Exit();
        }
    }

    public async Task WhenReady(long recordBytes)
    {
        int logRecordBytes = LogRecord.BytesFor((int)recordBytes);
        while (true)
        {
            Task progress = Volatile.Read(ref _progress).Task;
            if (IsReady(logRecordBytes)) return;
            _signals.RequestSegment(logRecordBytes);
            _signals.WakeWriter();
            await progress;
        }
    }

    public bool CanPublish(long version) => _failure is null || _mode != DurabilityMode.Always || version <= DurableVersion;

    public ValueTask<int> WhenDurable(long version, int result)
    {
        Flush();
        return _mode == DurabilityMode.Always ? _waits.For(version, result) : new(result);
    }

    public ValueTask<bool> WhenDurable(long version, bool result)
    {
        Flush();
        return _mode == DurabilityMode.Always ? _waits.For(version, result) : new(result);
    }

    /// <summary>Completes when all commits up to a version are synced, regardless of the mode.</summary>
    /// <exception cref="DurabilityLostException">The disk has failed. The task throws it.</exception>
    public ValueTask<bool> WhenSynced(long version) => _waits.For(version, true);

    public void Flush()
    {
        if (HasQueued) _signals.WakeWriter();
    }

    public IWatch Watch(in WatchQuery query, Action wake) => _feed.Watch(query, Last, wake);

    public CommitLogStats GetStats() => new(_mode, DurableVersion, _feed.Published, _feed.OldestVersion, _feed.Watches);

    /// <summary>Refuses further commits, so that the last write contains all acknowledged ones.</summary>
    public void StopCommits()
    {
        _lock.Enter();
        _isClosed = true;
        _lock.Exit();
        Progress();
    }

    public void Close()
    {
        StopCommits();
        _feed.Dispose();
        _waits.Fail(new ObjectDisposedException(nameof(EmbeddedStore)));
    }

    /// <summary>Takes all queued log records. Called by the writer, which returns them with <see cref="Recycle"/>.</summary>
    public List<LogChunk> Take()
    {
        _lock.Enter();
        try
        {
            Debug.Assert(_taken.Count == 0, "the chunks taken before were recycled");
            (_queue, _taken) = (_taken, _queue);
            Volatile.Write(ref _open, null);
            return _taken;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Releases the chunks that were taken, after they are written.</summary>
    public void Recycle()
    {
        long bytes = 0;
        foreach (LogChunk chunk in _taken)
        {
            bytes += chunk.Used;
            LogChunk.Return(chunk);
        }
        _taken.Clear();
        Interlocked.Add(ref _queuedBytes, -bytes);
        Progress();
    }

    /// <summary>Publishes that all commits up to a version are synced, and completes the calls that wait for them.</summary>
    public void Publish(long version) => _waits.Complete(version);

    /// <summary>Fails the log: refuses further commits, and fails the waiting calls.</summary>
    public void Fail(Exception failure)
    {
        _lock.Enter();
        _failure ??= failure;
        _lock.Exit();
        _waits.Fail(failure);
        Progress();
    }

    /// <summary>Wakes the calls of <see cref="WhenReady"/>: records were written, or a segment was prepared or refused.</summary>
    public void Progress() =>
        Interlocked.Exchange(ref _progress, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>
    /// Queues a mark, with which the writer records the synced offset while no commits are queued. Returns false if records are queued,
    /// the log has failed, or the segment has no space left.
    /// </summary>
    public bool TryAddMark()
    {
        _lock.Enter();
        try
        {
            if (_open is not null || _failure is not null || !Fits(LogRecord.HeaderBytes)) return false;
            Open(LogChunk.Rent(LogRecord.HeaderBytes));
            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    private bool Fits(long bytes) => _position + bytes + SegmentFiles.ReservedBytes <= _segmentBytes;

    private CommitStatus TryReserve(int payloadBytes, bool isRemoval, out Span<byte> logRecord)
    {
        logRecord = default;
        if (_isClosed) return CommitStatus.Closed;
        if (_failure is not null) return CommitStatus.DiskFailed;
        if (_isFull) return CommitStatus.DiskFull;
        if (IsBehind && !isRemoval) return CommitStatus.NotReady;

        // All allocations come first: no later step can fail.
        _queue.EnsureCapacity(_queue.Count + 1);
        int bytes = LogRecord.BytesFor(payloadBytes);
        if (!FitsInSegment(bytes))
        {
            LogChunk first = LogChunk.Rent(bytes + LogRecord.HeaderBytes);
            CommitStatus claim = _files.Claim(SegmentFiles.BytesFor(bytes), isRemoval, out long segmentBytes);
            if (claim != CommitStatus.Done)
            {
                LogChunk.Return(first);
                return claim;
            }
            _segment++;
            _segmentBytes = segmentBytes;
            _position = FileHeader.Bytes;
            Open(first);
            first.SegmentBytes = segmentBytes;
            _signals.RequestSegment(0);
        }
        else if (_open is null)
        {
            Open(LogChunk.Rent(bytes + LogRecord.HeaderBytes));
        }
        else if (_open.Free.Length < bytes)
        {
            LogChunk next = LogChunk.Rent(bytes);
            _queue.Add(next);
            Volatile.Write(ref _open, next);
        }

        logRecord = _open!.Free[..bytes];
        _open.Used += bytes;
        _position += bytes;
        Interlocked.Add(ref _queuedBytes, bytes);
        return CommitStatus.Done;
    }

    /// <summary>Begins the records of one write with a mark.</summary>
    private void Open(LogChunk chunk)
    {
        // First, because this can run out of memory.
        _queue.Add(chunk);
        chunk.HasMark = true;
        LogRecord.Begin(chunk.Free[..LogRecord.HeaderBytes], LogRecordKind.Mark, 0, 0);
        chunk.Used = LogRecord.HeaderBytes;
        _position += LogRecord.HeaderBytes;
        Interlocked.Add(ref _queuedBytes, LogRecord.HeaderBytes);
        Volatile.Write(ref _open, chunk);
    }

    private void Finish(long version)
    {
        _open!.LastVersion = version;
        Volatile.Write(ref _last, version);
    }

    private bool FitsInSegment(int logRecordBytes) => Fits(logRecordBytes + (_open is null ? LogRecord.HeaderBytes : 0));

    /// <summary>Whether a log record of this length can be committed, or will be refused.</summary>
    private bool IsReady(int logRecordBytes)
    {
        _lock.Enter();
        try
        {
            if (_isClosed || _failure is not null || _isFull) return true;
            return !IsBehind && (FitsInSegment(logRecordBytes) || _files.CanClaim(SegmentFiles.BytesFor(logRecordBytes)));
        }
        finally
        {
            _lock.Exit();
        }
    }
}
