using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>The watches of one connection. They publish changes in the connection's own flow of control, one after the other.</summary>
/// <remarks>
/// Other threads only signal that a watch is ready, or that a time is over: this sets flags, and lets the thread pool wake
/// the connection, so that the feed's thread never runs what the connection does.
/// </remarks>
internal sealed class ConnectionWatches(
    IKeyValueStore store, ReplyWriter replies, ByteBudget budget, WireOptions options, TimeProvider time, Action wake)
    : IThreadPoolWorkItem, IDisposable
{
    private readonly List<ConnectionWatch> _open = [];
    private readonly TextBuffer _none = new();
    private ITimer? _bookmarks;
    private long _lastNumber;
    private volatile int _count;
    private volatile bool _signalled;
    private int _waking;
    private bool _isDisposed;

    /// <summary>The number of open watches. May be read by any thread.</summary>
    public int Count => _count;

    /// <summary>Whether one may have something to publish.</summary>
    public bool AreSignalled => _signalled;

    /// <summary>Whether there never was one.</summary>
    public bool AreUnused => _lastNumber == 0;

    /// <summary>Opens a watch and writes its first reply, and the changes that there are already.</summary>
    /// <returns>Why there is none; null where there is.</returns>
    public async ValueTask<ProtocolError?> OpenAsync(Request request, CancellationToken cancellationToken)
    {
        if (_open.Count >= options.WatchesMax)
        {
            return new(ErrorCode.TooManyWatches,
                $"this connection has {_open.Count} watches, which is the most that it may have (Wire:WatchesMax)");
        }

        var session = new WatchSession(store, request.Options!, time, Signal, budget);
        ConnectionWatch? watch = null;
        try
        {
            await session.ReadAsync(cancellationToken);
            if (session is { HasChanges: false, Error: { } error }) return error;
            watch = Begin(session, request.IdText);
            WritePiece(watch);
            return null;
        }
        finally
        {
            if (watch is null) session.Dispose();
            RemoveEnded();
            SetTimer();
        }
    }

    /// <summary>Ends a watch, which then shows nothing more, and writes <c>{"watch": N, "response": "ok"}</c>.</summary>
    /// <returns>Why it is not ended: there is none of this number; null where it is.</returns>
    public ProtocolError? Close(in Request request, TextBuffer text)
    {
        long number = request.Options!.Watch;
        ConnectionWatch? watch = _open.Find(watch => watch.Number == number);
        watch?.End();
        RemoveEnded();

        // A stop has ended the watches without a reply, and the client asks for nothing else.
        bool hasEnded = watch is not null || (_isDisposed && number <= _lastNumber);
        text.WriteMember("{\"watch\": "u8, number);
        text.Write(", \"response\": \"ok\"}"u8);
        return hasEnded
            ? null
            : new(ErrorCode.InvalidValue, $"\"watch\" is {number}, expected the number of an open watch of this connection");
    }

    /// <summary>Writes the next piece of the watch at a place of the list, if it is ready.</summary>
    public async ValueTask PublishAsync(int place, CancellationToken cancellationToken)
    {
        ConnectionWatch watch = _open[place];
        if (!watch.Session.IsReady) return;
        await watch.Session.ReadAsync(cancellationToken);
        WritePiece(watch);
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
        foreach (ConnectionWatch watch in _open) watch.End();
        RemoveEnded();
        _signalled = false;
        _bookmarks?.Dispose();
        _bookmarks = null;
    }

    /// <summary>Wakes the connection, in the thread pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _waking, 0);
        wake();
    }

    private ConnectionWatch Begin(WatchSession session, ReadOnlyMemory<byte> idText)
    {
        // The request that it came with is gone when its replies are written.
        var watch = new ConnectionWatch(session, ++_lastNumber, idText.ToArray());
        _open.Add(watch);
        _count = _open.Count;
        Write(watch, session.Begin, _none);
        return watch;
    }

    /// <summary>Writes what was read: the changes, or that there were none for a while, or the end.</summary>
    private void WritePiece(ConnectionWatch watch)
    {
        WatchSession session = watch.Session;
        if (session.HasNews)
        {
            Write(watch, session.Position, session.Changes);
            session.EndPiece();
        }
        if (session.Error is { } error)
        {
            replies.WriteError(error with { Watch = watch.Number }, watch.IdText);
            watch.End();
        }
        else if (session.IsReady)
        {
            // The connection asks before it waits for anything.
            _signalled = true;
        }
    }

    private void Write(ConnectionWatch watch, long version, TextBuffer changes)
    {
        using var head = new TextBuffer();
        WatchSession.WriteHead(head, watch.Number, version);
        replies.WriteResponse(Function.Watch, head.Written, changes, WatchSession.Tail, watch.IdText);
    }

    private void RemoveEnded()
    {
        _open.RemoveAll(watch => watch.HasEnded);
        _count = _open.Count;
    }

    /// <summary>Sets the timer to when the next watch without changes must send its position.</summary>
    private void SetTimer()
    {
        if (_open.Count == 0) return;
        _bookmarks ??= time.CreateTimer(
            static watches => ((ConnectionWatches)watches!).Signal(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        long now = time.GetTimestamp();
        TimeSpan rest = time.GetElapsedTime(now, Math.Max(now, _open.Min(watch => watch.Session.BookmarkAt)));

        // Rounded up, as a timer does not look at parts of a millisecond, and would wake the connection too early.
        _bookmarks.Change(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }

    private void Signal()
    {
        _signalled = true;
        if (Interlocked.Exchange(ref _waking, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>A watch, by the name that the connection gives it.</summary>
    private sealed class ConnectionWatch(WatchSession session, long number, byte[] idText)
    {
        public WatchSession Session => session;

        public long Number => number;

        /// <summary>The id of the request that it came with.</summary>
        public ReadOnlySpan<byte> IdText => idText;

        public bool HasEnded { get; private set; }

        public void End()
        {
            HasEnded = true;
            session.Dispose();
        }
    }
}
