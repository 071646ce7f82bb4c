using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>What became of a commit that a live watch was told of.</summary>
internal enum Noted
{
    /// <summary>It is noted, or was before.</summary>
    Yes,

    /// <summary>It is noted, and the watch is to be woken.</summary>
    AndWakes,

    /// <summary>There is no room for it: the watch has to catch up by itself.</summary>
    Overflow,
}

/// <summary>A watch: its position, and, while it is live, where the commits are that it has yet to hand over.</summary>
/// <remarks>
/// What is noted, and whether it is live, is protected by its lock; all else belongs to its reader. The dispatcher notes, the
/// reader takes all that was noted at once, and reads it without any lock.
/// </remarks>
internal sealed class FeedWatch : IWatch
{
    /// <summary>How many commits are noted for a watch that is not read: 32 KiB, where there are so many.</summary>
    private const int NotedMax = 4_096;

    /// <summary>What is gone over in one read while it catches up: 1 MiB.</summary>
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

    /// <summary>What the keys begin with.</summary>
    public byte[] Prefix { get; }

    /// <inheritdoc/>
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

    /// <summary>Whether the dispatcher knows it; protected by the feed's lock.</summary>
    public bool IsListed { get; set; }

    /// <summary>Its place among the watches of the same prefix; protected by the feed's lock.</summary>
    public int Place { get; set; }

    /// <inheritdoc/>
    public long OldestVersion => _feed.OldestVersion;

    /// <inheritdoc/>
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
                if (HandOverTaken(changes))
                    return new(_takenNext == _takenCount && TryTake() == true ? WatchStatus.UpToDate : WatchStatus.More);
                Fall();
                continue;
            }
            if (_position >= _feed.Published)
            {
                if (!_feed.TryGoLive(this, _position)) return new(WatchStatus.More);
                continue;
            }
            if (CatchUpFromMemory(changes) is { } ended)
            {
                if (!ended) return new(WatchStatus.More);
                continue;
            }
            if (_feed.Log is not { } log || _position + 1 < log.Oldest)
            {
                // It may have come into the memory just now.
                if (_feed.History.First <= _position + 1) continue;
                _isCompacted = true;
                break;
            }
            return new(Task.Factory.StartNew(
                () => CatchUpFromLog(log, changes), cancellationToken, TaskCreationOptions.DenyChildAttach, _feed.Readers));
        }
        return new(WatchStatus.Compacted);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _feed.Leave(this);
    }

    /// <summary>Calls whoever waits for it.</summary>
    public void Wake() => _wake();

    /// <summary>It is told of all commits after its position from now on. Under the feed's lock, by its reader.</summary>
    public void GoLive()
    {
        _lock.Enter();
        _isLive = true;
        _lastNoted = _position;
        (_takenNext, _takenCount) = (0, 0);
        _lock.Exit();
    }

    /// <summary>It is no longer live. Under the feed's lock.</summary>
    /// <returns>Whether it is to be woken.</returns>
    public bool Fall()
    {
        _lock.Enter();
        bool wakes = _wakes;
        _isLive = _wakes = false;
        _notedCount = 0;
        _lock.Exit();
        return wakes;
    }

    /// <summary>
    /// Notes a commit, if it is live. Where there is no room for it, it is no longer live from this moment on. Under the feed's
    /// lock.
    /// </summary>
    public Noted Note(long version, long place)
    {
        _lock.Enter();
        try
        {
            if (!_isLive || version <= _lastNoted) return Noted.Yes;
            if (_notedCount == NotedMax)
            {
                // At once: what the reader takes from now on must not pass for all that there is.
                _isLive = false;
                _notedCount = 0;
                return Noted.Overflow;
            }
            if (_notedCount == _noted.Length) Array.Resize(ref _noted, Math.Max(16, 2 * _noted.Length));
            _noted[_notedCount++] = place;
            _lastNoted = version;
            bool wakes = _wakes;
            _wakes = false;
            return wakes ? Noted.AndWakes : Noted.Yes;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Takes what is noted, unless there is something left of what was taken before.</summary>
    /// <returns>Null where it is not live; whether there is nothing.</returns>
    private bool? TryTake()
    {
        _lock.Enter();
        try
        {
            if (!_isLive) return null;
            if (_takenNext < _takenCount) return false;

            // Of what is dispatched by now, all that concerns it is noted: for that the lock was needed, which is held.
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

    /// <summary>Hands over what was taken.</summary>
    /// <returns>False where the history no longer has it.</returns>
    private bool HandOverTaken(IChangeSink changes)
    {
        HistoryBlock? block = null;
        for (bool goOn = true; goOn && _takenNext < _takenCount; _takenNext++)
        {
            long place = _taken[_takenNext];
            if (block?.Number != CommitPlace.BlockOf(place)) block = _feed.History.Block(CommitPlace.BlockOf(place));
            if (block is null) return false;
            HistoryCommit commit = block.At(CommitPlace.OffsetOf(place));
            goOn = CommitChanges.HandOver(commit.Records, commit.Version, Prefix, changes);
            _position = commit.Version;
        }
        if (_takenNext == _takenCount) _position = Math.Max(_position, _takenUpTo);
        return true;
    }

    /// <summary>Reads on in the history in memory.</summary>
    /// <returns>
    /// Whether it came to the end, and the sink has not had enough; null where the history does not have what comes next.
    /// </returns>
    private bool? CatchUpFromMemory(IChangeSink changes)
    {
        var cursor = new HistoryCursor(_feed.History);
        if (_feed.History.First > _position + 1 || !cursor.TrySeek(_position + 1)) return null;
        long upTo = _feed.Published;
        int bytes = 0;
        while (cursor.TryNext(upTo, out HistoryCommit commit))
        {
            // Blocks were let go of meanwhile: what comes next is elsewhere.
            if (commit.Version != _position + 1) return true;
            bool goOn = CommitChanges.HandOver(commit.Records, commit.Version, Prefix, changes);
            _position = commit.Version;
            bytes += commit.FrameBytes;
            if (!goOn || bytes >= SliceBytes) return false;
        }
        return true;
    }

    private WatchStatus CatchUpFromLog(LogHistory log, IChangeSink changes)
    {
        if (_feed.IsClosed) return WatchStatus.UpToDate;

        // Where it can't be read any more, the next read finds that it is gone.
        _isCompacted = !log.Read(_logCursor ??= new(), _position, _feed.Published, (version, records) =>
        {
            bool goOn = CommitChanges.HandOver(records, version, Prefix, changes);
            _position = version;
            return goOn;
        });
        return _isCompacted ? WatchStatus.Compacted : WatchStatus.More;
    }
}
