using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Embedded;

/// <summary>The commit log of a store without a data directory. From the first watch on, it records recent commits for the feed.</summary>
/// <remarks>The lock protects the version, the history, and the flag that enables recording.</remarks>
internal sealed class InMemoryCommitLog : ICommitLog
{
    private ShortLock _lock;
    private long _last;
    private bool _isRecording;
    private bool _isClosed;

    /// <summary>Creates a log whose feed has no history. The version of the first commit is <paramref name="last"/> + 1.</summary>
    public InMemoryCommitLog(ChangeFeed feed, long last = 0) => (Feed, _last) = (feed, last);

    public ChangeFeed Feed { get; }

    /// <inheritdoc/>
    public long Last => Volatile.Read(ref _last);

    /// <inheritdoc/>
    public bool IsBehind => false;

    /// <inheritdoc/>
    public CommitStatus TryCommit(in Record change, out long version)
    {
        _lock.Enter();
        bool recording = _isRecording;
        try
        {
            version = _last + 1;
            if (_isClosed) return CommitStatus.Closed;
            if (recording) change.Write(BeginLogRecord(version, change.Bytes));
            Finish(version);
        }
        finally
        {
            _lock.Exit();
        }
        if (recording) Feed.Publish(version);
        return CommitStatus.Done;
    }

    /// <inheritdoc/>
    public CommitStatus TryCommit(ReadOnlySpan<Change> changes, long expected, out long version)
    {
        _lock.Enter();
        bool recording = _isRecording;
        try
        {
            version = _last + 1;
            if (_isClosed) return CommitStatus.Closed;
            if (expected != 0 && version != expected) return CommitStatus.VersionConflict;
            if (recording) Record.Write(changes, BeginLogRecord(version, Record.BytesOf(changes)));
            Finish(version);
        }
        finally
        {
            _lock.Exit();
        }
        if (recording) Feed.Publish(version);
        return CommitStatus.Done;
    }

    /// <inheritdoc/>
    public Task WhenReady(long recordBytes) => Task.CompletedTask;

    /// <inheritdoc/>
    public bool CanPublish(long version) => true;

    /// <inheritdoc/>
    public ValueTask<int> WhenDurable(long version, int result) => new(result);

    /// <inheritdoc/>
    public ValueTask<bool> WhenDurable(long version, bool result) => new(result);

    /// <inheritdoc/>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public IWatch Watch(in WatchQuery query, Action wake)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.From, nameof(query));
        _lock.Enter();
        try
        {
            if (!_isRecording)
            {
                Feed.BeginHistory(_last);
                _isRecording = true;
            }
        }
        finally
        {
            _lock.Exit();
        }
        return Feed.Watch(query, Last, wake);
    }

    /// <inheritdoc/>
    public CommitLogStats GetStats()
    {
        long last = Last;
        return Volatile.Read(ref _isRecording)
            ? new(DurabilityMode.Memory, last, Feed.Published, Feed.OldestVersion, Feed.Watches)
            : new(DurabilityMode.Memory, last, last, last + 1, 0);
    }

    /// <inheritdoc/>
    public void Close()
    {
        _lock.Enter();
        _isClosed = true;
        _lock.Exit();
        Feed.Dispose();
    }

    private Span<byte> BeginLogRecord(long version, int payloadBytes)
    {
        Span<byte> logRecord = Feed.History.Reserve(version, LogRecord.BytesFor(payloadBytes));
        LogRecord.Begin(logRecord, LogRecordKind.Commit, payloadBytes, version);
        return logRecord[LogRecord.HeaderBytes..];
    }

    private void Finish(long version)
    {
        if (_isRecording) Feed.History.Append();
        Volatile.Write(ref _last, version);
    }
}
