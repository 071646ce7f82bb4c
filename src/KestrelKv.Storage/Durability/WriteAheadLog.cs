using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The write-ahead log: takes commits in their order, writes all that have gathered at once, and syncs them at once.</summary>
/// <remarks>
/// <para>
/// <b>Two sides.</b> Committers append frames to chunks of memory, under one short lock; the version of a commit is its
/// place there. One writer (<see cref="LogWriter"/>) takes all chunks that there are, writes and syncs them, then
/// publishes <see cref="DurableVersion"/>, which completes the calls that wait for it. While it does so the next chunks
/// gather: group commit, without any waiting to make groups larger.
/// </para>
/// <para>
/// <b>Space.</b> Segments are prepared ahead (<see cref="SegmentFiles"/>), and committers know how much of them is left. A commit
/// for which the disk has no space is refused before anything is changed. A commit that comes while a segment is being prepared, or
/// while too much waits to be written, waits and tries again (<see cref="WhenReady"/>). Only the removal of an entry, which frees
/// memory, may claim a segment that has yet to be prepared.
/// </para>
/// <para>
/// <b>Failure.</b> After a write or sync that failed nothing is known of what is on disk. No commit is taken any more,
/// and calls that wait for the disk fail (<see cref="DurabilityLostException"/>).
/// </para>
/// </remarks>
internal sealed class WriteAheadLog : ICommitLog
{
    /// <summary>If more bytes than this wait to be written, calls wait before they add to them.</summary>
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

    // Where the next frame goes, and how long that segment is or will be.
    private long _segment;
    private long _position;
    private long _segmentBytes;

    private long _last;
    private volatile Exception? _failure;
    private volatile bool _isFull;
    private volatile bool _isClosed;
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="files">The segments.</param>
    /// <param name="signals">Wakes the threads that write, sync and prepare.</param>
    /// <param name="feed">Publishes the commits; disposed of with the log.</param>
    /// <param name="mode">With <see cref="DurabilityMode.Always"/>, calls wait until the commits that they show are synced.</param>
    /// <param name="last">The version of the last commit, which is on disk.</param>
    /// <param name="position">The offset in the current segment at which the log continues.</param>
    public WriteAheadLog(SegmentFiles files, LogSignals signals, ChangeFeed feed, DurabilityMode mode, long last, long position)
    {
        (_files, _signals, _feed, _mode) = (files, signals, feed, mode);
        _waits = new DurableWaits(last);
        _last = last;
        _segment = files.Current.Number;
        _segmentBytes = files.Current.Bytes;
        _position = position;
    }

    /// <inheritdoc/>
    public long Last => Volatile.Read(ref _last);

    /// <summary>The version of the last commit that is synced.</summary>
    public long DurableVersion => _waits.Durable;

    /// <summary>Why the disk has failed; null as long as it has not.</summary>
    public Exception? Failure => _failure;

    /// <summary>
    /// Set while what has been taken can't be written, as the disk is full: no more is taken until it can, so that those who
    /// bring it need not wait until somebody makes space.
    /// </summary>
    public bool IsFull
    {
        set
        {
            _isFull = value;
            if (value) Progress();
        }
    }

    /// <summary>Whether there is something to write.</summary>
    public bool HasQueued => Volatile.Read(ref _open) is not null;

    /// <inheritdoc/>
    public bool IsBehind => Interlocked.Read(ref _queuedBytes) > QueuedBytesMax;

    /// <inheritdoc/>
    public CommitStatus TryCommit(in Record change, out long version)
    {
        int payloadBytes = change.Bytes;
        _lock.Enter();
        try
        {
            // Removals free memory, for which others wait.
            bool isRemoval = change.Kind is RecordKind.Expired or RecordKind.Evicted;
            CommitStatus status = TryReserve(payloadBytes, isRemoval, out Span<byte> frame);
            version = _last + 1;
            if (status != CommitStatus.Done) return status;
            Frame.Begin(frame, FrameKind.Commit, payloadBytes, version);
            change.Write(frame[Frame.HeaderBytes..]);
            Finish(version);
            return CommitStatus.Done;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <inheritdoc/>
    public CommitStatus TryCommit(ReadOnlySpan<Operation> changes, long expected, out long version)
    {
        int payloadBytes = Record.BytesOf(changes);
        _lock.Enter();
        try
        {
            version = _last + 1;
            if (expected != 0 && version != expected) return CommitStatus.VersionConflict;
            CommitStatus status = TryReserve(payloadBytes, isRemoval: false, out Span<byte> frame);
            if (status != CommitStatus.Done) return status;
            Frame.Begin(frame, FrameKind.Commit, payloadBytes, version);
            Record.Write(changes, frame[Frame.HeaderBytes..]);
            Finish(version);
            return CommitStatus.Done;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>The version of the last commit and the segment that the next one will go to, or one after it.</summary>
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

    /// <inheritdoc/>
    public async Task WhenReady(long recordBytes)
    {
        int frameBytes = Frame.BytesFor((int)recordBytes);
        while (true)
        {
            Task progress = Volatile.Read(ref _progress).Task;
            if (IsReady(frameBytes)) return;
            _signals.WantSegment(frameBytes);
            _signals.Kick();
            await progress;
        }
    }

    /// <inheritdoc/>
    public bool MayShow(long version) => _failure is null || _mode != DurabilityMode.Always || version <= DurableVersion;

    /// <inheritdoc/>
    public ValueTask<int> WhenDurable(long version, int result)
    {
        Flush();
        return _mode == DurabilityMode.Always ? _waits.For(version, result) : new(result);
    }

    /// <inheritdoc/>
    public ValueTask<bool> WhenDurable(long version, bool result)
    {
        Flush();
        return _mode == DurabilityMode.Always ? _waits.For(version, result) : new(result);
    }

    /// <summary>Completes once all commits up to a version are synced, whatever the mode.</summary>
    /// <exception cref="DurabilityLostException">The disk has failed; thrown by the task.</exception>
    public ValueTask<bool> WhenSynced(long version) => _waits.For(version, true);

    /// <inheritdoc/>
    public void Flush()
    {
        if (HasQueued) _signals.Kick();
    }

    /// <inheritdoc/>
    public IWatch Watch(in WatchQuery query, Action wake) => _feed.Watch(query, Last, wake);

    /// <inheritdoc/>
    public CommitLogStats GetStats() => new(_mode, DurableVersion, _feed.Published, _feed.OldestVersion, _feed.Watches);

    /// <summary>Takes no more commits, so that the last write has all that were acknowledged.</summary>
    public void StopCommits()
    {
        _lock.Enter();
        _isClosed = true;
        _lock.Exit();
        Progress();
    }

    /// <inheritdoc/>
    public void Close()
    {
        StopCommits();
        _feed.Dispose();
        _waits.Fail(new ObjectDisposedException(nameof(EmbeddedStore)));
    }

    /// <summary>Takes all frames that wait to be written; for the writer. <see cref="Recycle"/> returns them.</summary>
    public List<LogChunk> Take()
    {
        _lock.Enter();
        try
        {
            Debug.Assert(_taken.Count == 0, "what was taken before has been given back");
            (_queue, _taken) = (_taken, _queue);
            Volatile.Write(ref _open, null);
            return _taken;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>The chunks that were taken are written.</summary>
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

    /// <summary>All commits up to a version are synced: whoever waits for them may go on.</summary>
    public void Publish(long version) => _waits.Complete(version);

    /// <summary>The disk has failed.</summary>
    public void Fail(Exception failure)
    {
        _lock.Enter();
        _failure ??= failure;
        _lock.Exit();
        _waits.Fail(failure);
        Progress();
    }

    /// <summary>Wakes the calls of <see cref="WhenReady"/>: frames were written, or a segment was prepared or could not be.</summary>
    public void Progress() =>
        Interlocked.Exchange(ref _progress, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>Writes a mark, with which the writer tells what it has synced, where nothing else is to be written.</summary>
    /// <returns>False where something is, or where the segment has no space left.</returns>
    public bool TryAddMark()
    {
        _lock.Enter();
        try
        {
            if (_open is not null || _failure is not null || !Fits(Frame.HeaderBytes)) return false;
            Open(LogChunk.Rent(Frame.HeaderBytes));
            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    private bool Fits(long bytes) => _position + bytes + SegmentFiles.ReservedBytes <= _segmentBytes;

    /// <summary>Finds a place for a frame.</summary>
    private CommitStatus TryReserve(int payloadBytes, bool isRemoval, out Span<byte> frame)
    {
        frame = default;
        if (_isClosed) return CommitStatus.Closed;
        if (_failure is not null) return CommitStatus.DiskFailed;
        if (_isFull) return CommitStatus.DiskFull;
        if (IsBehind && !isRemoval) return CommitStatus.NotReady;

        // Whatever may lack memory comes first: after that, nothing can fail.
        _queue.EnsureCapacity(_queue.Count + 1);
        int bytes = Frame.BytesFor(payloadBytes);
        if (!FitsInSegment(bytes))
        {
            LogChunk first = LogChunk.Rent(bytes + Frame.HeaderBytes);
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
            _signals.WantSegment(0);
        }
        else if (_open is null)
        {
            Open(LogChunk.Rent(bytes + Frame.HeaderBytes));
        }
        else if (_open.Free.Length < bytes)
        {
            LogChunk next = LogChunk.Rent(bytes);
            _queue.Add(next);
            Volatile.Write(ref _open, next);
        }

        frame = _open!.Free[..bytes];
        _open.Used += bytes;
        _position += bytes;
        Interlocked.Add(ref _queuedBytes, bytes);
        return CommitStatus.Done;
    }

    /// <summary>Begins what will be written at once: with a mark.</summary>
    private void Open(LogChunk chunk)
    {
        // First, as there may be no memory for it.
        _queue.Add(chunk);
        chunk.HasMark = true;
        Frame.Begin(chunk.Free[..Frame.HeaderBytes], FrameKind.Mark, 0, 0);
        chunk.Used = Frame.HeaderBytes;
        _position += Frame.HeaderBytes;
        Interlocked.Add(ref _queuedBytes, Frame.HeaderBytes);
        Volatile.Write(ref _open, chunk);
    }

    private void Finish(long version)
    {
        _open!.LastVersion = version;
        Volatile.Write(ref _last, version);
    }

    private bool FitsInSegment(int frameBytes) => Fits(frameBytes + (_open is null ? Frame.HeaderBytes : 0));

    /// <summary>Whether a frame of so many bytes can be committed or will be refused.</summary>
    private bool IsReady(int frameBytes)
    {
        _lock.Enter();
        try
        {
            if (_isClosed || _failure is not null || _isFull) return true;
            return !IsBehind && (FitsInSegment(frameBytes) || _files.CanClaim(SegmentFiles.BytesFor(frameBytes)));
        }
        finally
        {
            _lock.Exit();
        }
    }
}
