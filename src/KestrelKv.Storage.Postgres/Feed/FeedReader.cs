using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Postgres.Sessions;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Feed;

/// <summary>The feed of a door: one loop reads the commits of all doors from the database, and keeps recent ones in memory.</summary>
/// <remarks>
/// The loop polls while there are watches. NOTIFY would take a lock of the whole server in each commit. A poll without new commits is
/// one unfenced look-up. New commits are read from one snapshot and published after its fence, in the order of their versions. Versions
/// are dense, so no commit is missed, and none is published before it is replicated.
/// </remarks>
internal sealed class FeedReader : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    /// <summary>The number of commits made while there was no watch that are read, so that the history in memory continues.</summary>
    private const long GapMax = 1_000;

    private readonly SnapshotReader _snapshots;
    private readonly Door _door;
    private readonly PostgresStoreOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly HashSet<PostgresWatch> _watches = [];
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly DatabaseHistory _history;
    private List<TaskCompletionSource<(ChangeFeed, long)>> _catchingUp = [];
    private ChangeFeed _feed;
    private Task? _running;
    private bool _hasBegun;
    private bool _isFailing;
    private bool _isResuming;
    private volatile bool _isClosed;

    public FeedReader(SnapshotReader snapshots, Door door, PostgresStoreOptions options, ILogger logger)
    {
        (_snapshots, _door, _options, _logger) = (snapshots, door, options, logger);
        _history = new(snapshots, door, options);
        _feed = new(options.FeedMemoryBytes, _history);
    }

    public int Watches
    {
        get
        {
            lock (_lock) return _watches.Count;
        }
    }

    /// <summary>The number of versions that the door knows and the feed has not published; 0 without watches.</summary>
    public long Lag
    {
        get
        {
            lock (_lock) return _watches.Count > 0 && _hasBegun ? Math.Max(0, _door.Known.Version - _feed.Published) : 0;
        }
    }

    /// <summary>The oldest version from which a watch can start.</summary>
    public long OldestVersion => _door.OldestVersion;

    public IWatch Watch(in WatchQuery query, Action wake)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.From, nameof(query));
        ArgumentNullException.ThrowIfNull(wake);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(PostgresStore));
            var watch = new PostgresWatch(this, query, _door.Known.Version, wake);
            _watches.Add(watch);
            _running ??= Task.Run(RunAsync);
            Wake();
            return watch;
        }
    }

    public void Close(PostgresWatch watch)
    {
        lock (_lock) _watches.Remove(watch);
    }

    /// <summary>Ends the pause of the loop, because there are new commits or watches.</summary>
    public void Wake()
    {
        lock (_signal)
            if (_signal.CurrentCount == 0) _signal.Release();
    }

    /// <summary>Waits for a poll that begins after this call. Returns the feed and the newest version.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    public async Task<(ChangeFeed Feed, long Last)> CatchUpAsync(CancellationToken cancellationToken)
    {
        var polled = new TaskCompletionSource<(ChangeFeed, long)>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(PostgresStore));
            _catchingUp.Add(polled);
        }
        Wake();
        try
        {
            return await polled.Task.WaitAsync(_options.RequestTimeout, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new StoreUnavailableException("The database does not answer.", e);
        }
        finally
        {
            // A poll that fails does not keep waiters that have ended.
            polled.TrySetCanceled(CancellationToken.None);
        }
    }

    /// <summary>Ends all watches after a loss of history. Later ones begin with the current history.</summary>
    public void EndWatches()
    {
        PostgresWatch[] ended;
        ChangeFeed feed;
        lock (_lock)
        {
            ended = [.. _watches];
            feed = _feed;
            _feed = new(_options.FeedMemoryBytes, _history);
            _hasBegun = false;
        }
        foreach (PostgresWatch watch in ended) watch.End();

        // Not on this thread, which may be that of a trip: the dispatcher may take a while to stop.
        _ = Task.Run(feed.Dispose);
    }

    public async ValueTask DisposeAsync()
    {
        lock (_lock) _isClosed = true;
        EndWaiting();
        Wake();
        if (_running is not null) await _running;
        _feed.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_isClosed)
        {
            if (Watches == 0)
            {
                _isResuming = true;
                await _signal.WaitAsync();
                continue;
            }
            if (!await TryPollAsync()) await _signal.WaitAsync(Period);
        }
    }

    /// <summary>Reads new commits. Returns whether there may be more.</summary>
    private async Task<bool> TryPollAsync()
    {
        List<TaskCompletionSource<(ChangeFeed, long)>> waiting;
        ChangeFeed feed;
        bool hasBegun;
        lock (_lock)
        {
            (waiting, _catchingUp) = (_catchingUp, []);
            (feed, hasBegun) = (_feed, _hasBegun);
        }
        try
        {
            bool more = await PollAsync(feed, hasBegun, waiting);
            _isFailing = false;
            return more;
        }
        catch (Exception e)
        {
            // The database does not answer, or there is no memory. The next poll tries again.
            if (!_isFailing && !_isClosed) Log.Retried(_logger, "The feed", Failures.Reason(e));
            _isFailing = true;
            WaitAgain(waiting);
            await Task.Delay(RetryPause);
            return false;
        }
    }

    private async Task<bool> PollAsync(ChangeFeed feed, bool hasBegun, List<TaskCompletionSource<(ChangeFeed, long)>> waiting)
    {
        if (hasBegun && waiting.Count == 0)
        {
            CommitRow seen = await _snapshots.ReadNewestAsync(TripKind.Feed, isFenced: false, _options.RequestTimeout);
            if (seen.Version <= feed.Published) return false;
        }

        // The history in memory begins after the newest commit. The first poll therefore reads no changes.
        long position = hasBegun ? feed.Published : long.MaxValue;
        (CommitRow newest, long oldest, ChangeRows changes) = await _history.ReadNewAsync(position);
        lock (_lock)
        {
            // The history was lost meanwhile. The next poll begins again.
            if (feed != _feed)
            {
                WaitAgain(waiting);
                return true;
            }
            if (!hasBegun) feed.BeginHistory(newest.Version);
            else if (position + 1 < oldest || (_isResuming && newest.Version - position > GapMax)) Skip(feed, newest.Version);
            else Append(feed, position, changes);
            _hasBegun = true;
            _isResuming = false;
        }
        foreach (TaskCompletionSource<(ChangeFeed, long)> polled in waiting) polled.TrySetResult((feed, newest.Version));
        return feed.Published < newest.Version;
    }

    /// <summary>Continues after a gap. Watches that need the commits in between read them from the database.</summary>
    private static void Skip(ChangeFeed feed, long newest)
    {
        feed.History.Drop();
        feed.Publish(newest);
    }

    private static void Append(ChangeFeed feed, long position, in ChangeRows changes)
    {
        try
        {
            changes.Deliver(position, (version, records) =>
            {
                Span<byte> logRecord = feed.History.Reserve(version, LogRecord.BytesFor(records.Length));
                LogRecord.Begin(logRecord, LogRecordKind.Commit, records.Length, version);
                records.CopyTo(logRecord[LogRecord.HeaderBytes..]);
                feed.History.Append();
                return true;
            });
        }
        catch
        {
            // The next poll appends the same commits again.
            feed.History.Drop();
            throw;
        }
        feed.Publish(changes.UpTo);
    }

    /// <summary>Returns waiting watches to the next poll. If there is none, their reads fail.</summary>
    private void WaitAgain(List<TaskCompletionSource<(ChangeFeed, long)>> waiting)
    {
        lock (_lock)
        {
            _catchingUp.AddRange(waiting.Where(polled => !polled.Task.IsCompleted));
            if (!_isClosed) return;
        }
        EndWaiting();
    }

    private void EndWaiting()
    {
        TaskCompletionSource<(ChangeFeed, long)>[] waiting;
        lock (_lock)
        {
            waiting = [.. _catchingUp];
            _catchingUp = [];
        }
        foreach (TaskCompletionSource<(ChangeFeed, long)> polled in waiting)
            polled.TrySetException(new ObjectDisposedException(nameof(PostgresStore)));
    }
}
