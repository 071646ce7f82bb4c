using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>The watches of one connection. They are told in the connection's own flow of control, one after the other.</summary>
/// <remarks>
/// Other threads only say that a watch is ready, or that a time is over: this sets flags, and has the thread pool wake
/// the connection, so that the feed's thread never runs what the connection does.
/// </remarks>
internal sealed class ConnectionWatches(
    IKeyValueStore store, ReplyWriter replies, ByteBudget budget, WireOptions options, TimeProvider time, Action wake)
    : IThreadPoolWorkItem, IDisposable
{
    private readonly List<ConnectionWatch> _open = [];
    private readonly ChangesText _changes = new(budget);
    private readonly TextBuffer _none = new();
    private ITimer? _bookmarks;
    private long _lastNumber;
    private volatile int _count;
    private volatile bool _signalled;
    private int _waking;
    private bool _isDisposed;

    /// <summary>How many go on. To be read by any thread.</summary>
    public int Count => _count;

    /// <summary>Whether one may have something to tell.</summary>
    public bool AreSignalled => _signalled;

    /// <summary>Opens a watch and writes its first reply, and what there is to tell already.</summary>
    /// <returns>Why there is none; null where there is.</returns>
    public async ValueTask<ProtocolError?> OpenAsync(Request request, RequestOptions asked, CancellationToken cancellationToken)
    {
        if (_open.Count >= options.WatchesMax)
        {
            return new(ErrorCode.TooManyWatches,
                $"this connection has {_open.Count} watches, which is the most that it may have (Wire:WatchesMax)");
        }

        var watch = new ConnectionWatch(asked, request.IdText, Signal);
        watch.Open(store);
        bool begun = false;
        try
        {
            long version = watch.Feed.Position;
            (WatchStatus status, ProtocolError? error) = await ReadAsync(watch, cancellationToken);
            if (_changes.Count == 0 && error is not null) return error;
            begun = true;
            Begin(watch, asked.FromVersion > 0 ? asked.FromVersion - 1 : version);
            Tell(watch, status, error);
            return null;
        }
        finally
        {
            _changes.Begin(values: false);
            if (!begun) watch.Dispose();
            RemoveEnded();
            SetTimer();
        }
    }

    /// <summary>Ends a watch, which then tells nothing more. False where there is none of this number.</summary>
    public bool Close(long number)
    {
        ConnectionWatch? watch = _open.Find(watch => watch.Number == number);

        // Of those that a stop has ended the client has not been told, and asks for no more than that.
        if (watch is null) return _isDisposed && number > 0 && number <= _lastNumber;
        watch.Dispose();
        RemoveEnded();
        return true;
    }

    /// <summary>Lets the watch at a place of the list, if it is ready, tell a part of what it has.</summary>
    public async ValueTask TellAsync(int place, CancellationToken cancellationToken)
    {
        ConnectionWatch watch = _open[place];
        if (!watch.IsReady && time.GetTimestamp() < watch.BookmarkAt) return;
        (WatchStatus status, ProtocolError? error) = await ReadAsync(watch, cancellationToken);
        Tell(watch, status, error);
        _changes.Begin(values: false);
    }

    /// <summary>Begins a round over all watches. How many there are.</summary>
    public int BeginRound()
    {
        _signalled = false;
        return _open.Count;
    }

    /// <summary>Ends a round.</summary>
    public void EndRound()
    {
        RemoveEnded();
        SetTimer();
    }

    /// <summary>Ends all watches.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (ConnectionWatch watch in _open) watch.Dispose();
        RemoveEnded();
        _signalled = false;
        _bookmarks?.Dispose();
        _bookmarks = null;
        _changes.Dispose();
    }

    /// <summary>Wakes the connection, in the thread pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _waking, 0);
        wake();
    }

    private async ValueTask<(WatchStatus Status, ProtocolError? Error)> ReadAsync(
        ConnectionWatch watch, CancellationToken cancellationToken)
    {
        _changes.Begin(watch.Values);
        watch.MarkRead();
        try
        {
            WatchStatus status = await watch.Feed.ReadAsync(_changes, cancellationToken);
            return (status, WatchErrors.Find(status, watch.Feed, store));
        }
        catch (IOException e)
        {
            // It concerns this watch, and neither the others nor the requests of the connection.
            return (WatchStatus.More, WatchErrors.Unreadable(watch.Feed, e));
        }
    }

    private void Begin(ConnectionWatch watch, long version)
    {
        watch.Number = ++_lastNumber;
        _open.Add(watch);
        _count = _open.Count;
        Write(watch, version, _none);
    }

    /// <summary>Writes what was read: the changes, or that there were none for a while, or the end.</summary>
    private void Tell(ConnectionWatch watch, WatchStatus status, ProtocolError? error)
    {
        if (_changes.Count > 0 || time.GetTimestamp() >= watch.BookmarkAt) Write(watch, watch.Feed.Position, _changes.Text);
        if (error is not null)
        {
            replies.WriteError(error with { Watch = watch.Number }, watch.IdText);
            watch.Dispose();
        }
        else if (status == WatchStatus.More)
        {
            // The connection asks before it waits for anything.
            watch.MarkUnread();
            _signalled = true;
        }
    }

    private void Write(ConnectionWatch watch, long version, TextBuffer changes)
    {
        using var head = new TextBuffer();
        ChangesText.WriteHead(head, watch.Number, version);
        replies.WriteResponse(Function.Watch, head.Written, changes, ChangesText.Tail, watch.IdText);
        watch.BookmarkAt = time.GetTimestamp() + (long)(watch.BookmarkInterval.TotalSeconds * time.TimestampFrequency);
    }

    private void RemoveEnded()
    {
        _open.RemoveAll(watch => watch.HasEnded);
        _count = _open.Count;
    }

    /// <summary>To be woken when the next watch that has nothing else to tell tells its position.</summary>
    private void SetTimer()
    {
        if (_open.Count == 0) return;
        _bookmarks ??= time.CreateTimer(
            static watches => ((ConnectionWatches)watches!).Signal(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        long now = time.GetTimestamp();
        TimeSpan rest = time.GetElapsedTime(now, Math.Max(now, _open.Min(watch => watch.BookmarkAt)));

        // Rounded up, as a timer does not look at parts of a millisecond, and would wake the connection too early.
        _bookmarks.Change(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }

    private void Signal()
    {
        _signalled = true;
        if (Interlocked.Exchange(ref _waking, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
