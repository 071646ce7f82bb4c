using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>The result of notifying a watch of a commit.</summary>
internal enum NoteResult
{
    /// <summary>The commit is noted, or was noted before, or the watch is not live.</summary>
    Yes,

    /// <summary>The commit is noted, and the watch must be woken.</summary>
    NeedsWake,

    /// <summary>The watch has no room for the commit and must catch up by itself.</summary>
    Overflow,
}

/// <summary>A watch: its position and, while it is live, notes of the places of commits to deliver.</summary>
/// <remarks>
/// The lock protects the notes and whether the watch is live. All other fields belong to the reader. The dispatcher adds notes. The
/// reader takes all notes at once, and reads the commits without a lock.
/// </remarks>
internal sealed class FeedWatch : IWatch
{
    /// <summary>The maximum number of notes of a live watch: 32 KiB of memory.</summary>
    private const int NotedMax = 4_096;

    /// <summary>The number of bytes that one read scans while the watch catches up from memory: 1 MiB.</summary>
    private const int SliceBytes = 1024 * 1024;

    private readonly ChangeFeed _feed;
    private readonly Action _wake;
    private readonly bool _isFuture;
    private ShortLock _lock;
    private bool _isLive;
    private long[] _noted = [];
    private int _notedCount;
    private long _lastNoted;
    private bool _wakes;

    private long _position;
    private long[] _taken = [];
    private int _takenNext;
    private int _takenCount;
    private long _takenUpTo;
    private bool _isCompacted;
    private bool _isDisposed;
    private LogCursor? _logCursor;

    public FeedWatch(ChangeFeed feed, byte[] prefix, long position, bool isFuture, Action wake)
    {
        (_feed, Prefix, _position, _isFuture, _wake) = (feed, prefix, position, isFuture, wake);
    }

    public byte[] Prefix { get; }

    public long Position
    {
        get
        {
            _lock.Enter();
            if (_isLive && _notedCount == 0 && _takenNext == _takenCount) _position = Math.Max(_position, _feed.Dispatched);
            long position = _position;
            _lock.Exit();
            return position;
        }
    }

    /// <summary>Whether the watch is among the live ones of the dispatcher. Protected by the feed's lock.</summary>
    public bool IsListed { get; set; }

    /// <summary>The index among the watches of the same prefix. Protected by the feed's lock.</summary>
    public int Place { get; set; }

    public long OldestVersion => _feed.OldestVersion;

    public ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (_isFuture) return new(WatchStatus.Future);
        while (!_isCompacted)
        {
            if (_feed.IsClosed) return new(WatchStatus.UpToDate);
            if (TryTake() is { } upToDate)
            {
                if (upToDate) return new(WatchStatus.UpToDate);
                if (DeliverTaken(changes))
                    return new(_takenNext == _takenCount && TryTake() == true ? WatchStatus.UpToDate : WatchStatus.More);
                EndLive();
                continue;
            }
            if (_position >= _feed.Published)
            {
                if (!_feed.TryStartLive(this, _position)) return new(WatchStatus.More);
                continue;
            }
            if (CatchUpFromMemory(changes) is { } ended)
            {
                if (!ended) return new(WatchStatus.More);
                continue;
            }
            if (_feed.Earlier is not { } earlier || _position + 1 < earlier.Oldest)
            {
                // The commits may have been recorded in memory meanwhile.
                if (_feed.History.First <= _position + 1) continue;
                _isCompacted = true;
                break;
            }
            return new(Task.Factory.StartNew(
                () => CatchUpFromEarlierAsync(earlier, changes), cancellationToken, TaskCreationOptions.DenyChildAttach, _feed.Readers)
                .Unwrap());
        }
        return new(WatchStatus.Compacted);
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _feed.Close(this);
    }

    public void Wake() => _wake();

    /// <summary>
    /// Makes the watch live: the dispatcher notes all commits after its position. Called by the reader, under the feed's lock.
    /// </summary>
    public void StartLive()
    {
        _lock.Enter();
        _isLive = true;
        _lastNoted = _position;
        (_takenNext, _takenCount) = (0, 0);
        _lock.Exit();
    }

    /// <summary>Ends the live state and drops all notes. Returns whether the watch must be woken.</summary>
    public bool EndLive()
    {
        _lock.Enter();
        bool wakes = _wakes;
        _isLive = _wakes = false;
        _notedCount = 0;
        _lock.Exit();
        return wakes;
    }

    /// <summary>
    /// Notes a commit if the watch is live. On overflow the watch stops being live at once. Called under the feed's lock.
    /// </summary>
    public NoteResult Note(long version, long place)
    {
        _lock.Enter();
        try
        {
            if (!_isLive || version <= _lastNoted) return NoteResult.Yes;
            if (_notedCount == NotedMax)
            {
                // At once: the reader must not mistake the notes that follow for all commits.
                _isLive = false;
                _notedCount = 0;
                return NoteResult.Overflow;
            }
            if (_notedCount == _noted.Length) Array.Resize(ref _noted, Math.Max(16, 2 * _noted.Length));
            _noted[_notedCount++] = place;
            _lastNoted = version;
            bool wakes = _wakes;
            _wakes = false;
            return wakes ? NoteResult.NeedsWake : NoteResult.Yes;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>
    /// Takes all notes, unless some taken before are left. Returns null if the watch is not live; otherwise whether there are none.
    /// </summary>
    private bool? TryTake()
    {
        _lock.Enter();
        try
        {
            if (!_isLive) return null;
            if (_takenNext < _takenCount) return false;

            // All matching commits up to this version are noted, because noting requires this lock.
            long dispatched = _feed.Dispatched;
            if (_notedCount == 0)
            {
                _position = Math.Max(_position, dispatched);
                _wakes = true;
                return true;
            }
            (_noted, _taken) = (_taken, _noted);
            (_takenNext, _takenCount, _notedCount) = (0, _notedCount, 0);
            _takenUpTo = dispatched;
            return false;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Delivers the commits of the taken notes. Returns false if the history no longer has one.</summary>
    private bool DeliverTaken(IChangeSink changes)
    {
        HistoryBlock? block = null;
        for (bool acceptsMore = true; acceptsMore && _takenNext < _takenCount; _takenNext++)
        {
            long place = _taken[_takenNext];
            if (block?.Number != CommitPlace.BlockOf(place)) block = _feed.History.Block(CommitPlace.BlockOf(place));
            if (block is null) return false;
            HistoryCommit commit = block.At(CommitPlace.OffsetOf(place));
            acceptsMore = CommitChanges.Deliver(commit.Records, commit.Version, Prefix, changes);
            _position = commit.Version;
        }
        if (_takenNext == _takenCount) _position = Math.Max(_position, _takenUpTo);
        return true;
    }

    /// <summary>Delivers commits from the history in memory.</summary>
    /// <returns>
    /// True at the end of the history if the sink accepts more; false if the sink or the limit ended the read; null if the history
    /// lacks the next commit.
    /// </returns>
    private bool? CatchUpFromMemory(IChangeSink changes)
    {
        var cursor = new HistoryCursor(_feed.History);
        if (_feed.History.First > _position + 1 || !cursor.TrySeek(_position + 1)) return null;
        long upTo = _feed.Published;
        int bytes = 0;
        while (cursor.TryNext(upTo, out HistoryCommit commit))
        {
            // Blocks were released meanwhile. The next commit is elsewhere.
            if (commit.Version != _position + 1) return true;
            bool acceptsMore = CommitChanges.Deliver(commit.Records, commit.Version, Prefix, changes);
            _position = commit.Version;
            bytes += commit.LogRecordBytes;
            if (!acceptsMore || bytes >= SliceBytes) return false;
        }
        return true;
    }

    private async Task<WatchStatus> CatchUpFromEarlierAsync(IFeedHistory earlier, IChangeSink changes)
    {
        if (_feed.IsClosed) return WatchStatus.UpToDate;

        // If the segment can no longer be read, the next call finds that the commits are gone.
        _isCompacted = !await earlier.ReadAsync(_logCursor ??= new(), _position, _feed.Published, (version, records) =>
        {
            bool acceptsMore = CommitChanges.Deliver(records, version, Prefix, changes);
            _position = version;
            return acceptsMore;
        });
        return _isCompacted ? WatchStatus.Compacted : WatchStatus.More;
    }
}
