using System.Diagnostics;
using KestrelKv.Storage.Embedded;

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
/// <b>Space.</b> Segments are prepared ahead (<see cref="SegmentFiles"/>), and committers know how much of that is
/// left: a commit for which the disk has no space is refused before anything is changed, and one that comes while a segment is
/// being prepared has to wait and try again. Only the removal of an entry, which frees memory, goes beyond what is there.
/// </para>
/// <para>
/// <b>Failure.</b> After a write or sync that failed nothing is known of what is on disk. No commit is taken any more,
/// and calls that wait for the disk fail (<see cref="DurabilityLostException"/>).
/// </para>
/// </remarks>
internal sealed class WriteAheadLog : ICommitOrder
{
    /// <summary>So many bytes that wait to be written make calls wait before they add to them.</summary>
    private const long QueuedBytesMax = 16 * 1024 * 1024;

    private readonly SegmentFiles _files;
    private readonly DurableWaits _waits;
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
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="files">The segments.</param>
    /// <param name="waits">The calls that wait for the disk.</param>
    /// <param name="last">The version of the last commit, which is on disk.</param>
    /// <param name="position">Where the segment that is written to goes on.</param>
    public WriteAheadLog(SegmentFiles files, DurableWaits waits, long last, long position)
    {
        _files = files;
        _waits = waits;
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

    /// <summary>Is called when there is something to write, of which the writer may not know. Without locks.</summary>
    public Action? Kick { get; set; }

    /// <summary>Is called when calls wait for a segment that has room for a commit of so many bytes.</summary>
    public Action<long>? SegmentWanted { get; set; }

    /// <summary>Whether there is something to write.</summary>
    public bool HasQueued => Volatile.Read(ref _open) is not null;

    /// <summary>Whether so much waits to be written that calls wait before they add to it.</summary>
    public bool IsFarBehind => Interlocked.Read(ref _queuedBytes) > QueuedBytesMax;

    /// <inheritdoc/>
    public CommitStatus TryCommit(in Record change, out long version)
    {
        int payloadBytes = change.Bytes;
        _lock.Enter();
        try
        {
            // Removals make room in memory, for which others wait under locks.
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
    public CommitStatus TryCommit(ReadOnlySpan<Operation> batch, ReadOnlySpan<bool> changes, long expected, out long version)
    {
        int payloadBytes = Record.BytesOf(batch, changes);

        _lock.Enter();
        try
        {
            version = _last + 1;
            if (expected != 0 && version != expected) return CommitStatus.Overtaken;
            CommitStatus status = TryReserve(payloadBytes, evenUnprepared: false, out Span<byte> frame);
            if (status != CommitStatus.Done) return status;
            Frame.Begin(frame, FrameKind.Commit, payloadBytes, version);
            Record.Write(batch, changes, frame[Frame.HeaderBytes..]);
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

    /// <summary>
    /// Waits while too much waits to be written already, or while a segment is being prepared that may be needed. To be
    /// called before commits, without locks.
    /// </summary>
    /// <param name="commitBytes">The most that one of these commits needs.</param>
    /// <returns>Null where there is nothing to wait for.</returns>
    public Task? WhenReady(long commitBytes) => IsReady(commitBytes) ? null : WaitUntilReadyAsync(commitBytes);

    /// <summary>
    /// Completes when there may be space for what was <see cref="CommitStatus.Unready"/>. To be taken before it is tried.
    /// </summary>
    public Task NextProgress => Volatile.Read(ref _progress).Task;

    /// <summary>Asks for a segment that has room for a commit of so many bytes.</summary>
    public void WantSegment(long commitBytes)
    {
        SegmentWanted?.Invoke(commitBytes);
        Kick?.Invoke();
    }

    /// <summary>Completes with a result once a commit is durable.</summary>
    /// <exception cref="DurabilityLostException">The disk has failed; thrown by the task.</exception>
    public ValueTask<int> WhenDurable(long version, int result) => _waits.For(version, result);

    /// <inheritdoc cref="WhenDurable(long, int)"/>
    public ValueTask<bool> WhenDurable(long version, bool result) => _waits.For(version, result);

    /// <summary>Takes all that there is to write; for the writer. To be given back by <see cref="Recycle"/>.</summary>
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

    /// <summary>The writer has written, or a segment was prepared, or could not be: who waits may look again.</summary>
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

    private bool Fits(long bytes) => _position + bytes + Frame.HeaderBytes <= _segmentBytes;

    /// <summary>Finds a place for a frame.</summary>
    private CommitStatus TryReserve(int payloadBytes, bool evenUnprepared, out Span<byte> frame)
    {
        frame = default;
        if (_failure is not null) return CommitStatus.DiskFailed;
        if (_isFull) return CommitStatus.DiskFull;
        if (!evenUnprepared && IsFarBehind) return CommitStatus.Unready;

        int bytes = Frame.BytesFor(payloadBytes);
        if (!Fits(bytes + (_open is null ? Frame.HeaderBytes : 0)))
        {
            // First of all, as there may be no memory for it: a segment that is claimed must be gone to.
            LogChunk first = LogChunk.Rent(bytes + Frame.HeaderBytes);
            _queue.EnsureCapacity(_queue.Count + 1);
            CommitStatus claim = _files.Claim(SegmentFiles.BytesFor(bytes), evenUnprepared, out long segmentBytes);
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

    private bool IsReady(long commitBytes) =>
        _failure is not null || _isFull ||
        (!IsFarBehind && _files.IsReady(Volatile.Read(ref _position), Volatile.Read(ref _segmentBytes), commitBytes));

    private async Task WaitUntilReadyAsync(long commitBytes)
    {
        while (true)
        {
            Task progress = NextProgress;
            if (IsReady(commitBytes)) return;
            WantSegment(commitBytes);
            await progress;
        }
    }
}
