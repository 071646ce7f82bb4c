using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire;

/// <summary>The watches of one connection. The connection itself publishes their changes, one watch after the other.</summary>
/// <remarks>
/// Other threads only signal that a watch is ready or a bookmark is due. A signal sets flags, and the thread pool wakes the connection.
/// The feed's thread therefore never runs code of the connection.
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

    /// <summary>Whether a watch may have something to publish.</summary>
    public bool AreSignalled => _signalled;

    /// <summary>Whether the connection has never had a watch.</summary>
    public bool AreUnused => _lastNumber == 0;

    /// <summary>Opens a watch and writes its first reply and the changes that are already available.</summary>
    /// <returns>The error; null on success.</returns>
    public async ValueTask<ProtocolError?> OpenAsync(Request request, CancellationToken cancellationToken)
    {
        if (_open.Count >= options.WatchesMax)
        {
            return new(ErrorCode.TooManyWatches,
                $"the connection has {_open.Count} watches, the maximum (Wire:WatchesMax)");
        }

        var session = new WatchSession(store, request.Options!, time, Signal, budget);
        ConnectionWatch? watch = null;
        try
        {
            await session.ReadAsync(cancellationToken);
            if (session is { HasChanges: false, Error: { } error }) return error;
            watch = Begin(session, request);
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

    /// <summary>Ends a watch, which then publishes nothing more, and writes <c>{"watch": N, "response": "ok"}</c>.</summary>
    /// <returns>The error if no open watch has this number; null on success.</returns>
    public ProtocolError? Close(in Request request, TextBuffer text)
    {
        long number = request.Options!.Watch;
        ConnectionWatch? watch = _open.Find(watch => watch.Number == number);
        watch?.End();
        RemoveEnded();

        // A stop has ended the watches without a reply, and the client expects only this one.
        bool hasEnded = watch is not null || (_isDisposed && number <= _lastNumber);
        text.WriteMember("{\"watch\": "u8, number);
        text.Write(", \"response\": \"ok\"}"u8);
        return hasEnded
            ? null
            : new(ErrorCode.InvalidValue, $"\"watch\" is {number}, expected the number of an open watch of this connection");
    }

    /// <summary>Writes the next piece of the watch at an index, if it is ready.</summary>
    public async ValueTask PublishAsync(int index, ClientSession? client, CancellationToken cancellationToken)
    {
        ConnectionWatch watch = _open[index];
        if (!watch.Session.IsReady) return;
        await watch.Session.ReadAsync(cancellationToken);

        // The client may have lost its rights during the read. A watch without this piece must not continue.
        if (client is null || client.MayStillWatch(watch.Prefix, watch.Values)) WritePiece(watch);
        else Forbid(watch);
    }

    /// <summary>Ends the watches that the client may no longer have, with an error.</summary>
    public void EndForbidden(ClientSession client)
    {
        foreach (ConnectionWatch watch in _open)
        {
            if (!client.MayWatch(watch.Prefix, watch.Values)) Forbid(watch);
        }
        RemoveEnded();
    }

    /// <summary>Begins a round over all watches, and returns their number.</summary>
    public int BeginRound()
    {
        _signalled = false;
        return _open.Count;
    }

    /// <summary>Ends a round over all watches.</summary>
    public void EndRound()
    {
        RemoveEnded();

        // A round can end before its last watch.
        if (_open.Exists(watch => watch.Session.IsReady)) _signalled = true;
        SetTimer();
    }

    public void Dispose()
    {
        _isDisposed = true;
        foreach (ConnectionWatch watch in _open) watch.End();
        RemoveEnded();
        _signalled = false;
        _bookmarks?.Dispose();
        _bookmarks = null;
    }

    /// <summary>Wakes the connection, on the thread pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _waking, 0);
        wake();
    }

    private ConnectionWatch Begin(WatchSession session, in Request request)
    {
        // The memory of the request is released before the replies are written.
        var watch = new ConnectionWatch(session, ++_lastNumber, request.IdText.ToArray(), request.Options!.Prefix.ToArray(), request.Options.Values);
        _open.Add(watch);
        _count = _open.Count;
        Write(watch, session.Begin, _none);
        return watch;
    }

    private void Forbid(ConnectionWatch watch)
    {
        replies.WriteError(ClientSession.WatchForbidden with { Watch = watch.Number }, watch.IdText);
        watch.End();
    }

    /// <summary>Writes the outcome of a read: changes, a bookmark, or the error that ends the watch.</summary>
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
            // The connection checks this flag before it waits.
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

    /// <summary>Sets the timer to the time of the next bookmark.</summary>
    private void SetTimer()
    {
        if (_open.Count == 0) return;
        _bookmarks ??= time.CreateTimer(
            static watches => ((ConnectionWatches)watches!).Signal(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        long now = time.GetTimestamp();
        TimeSpan remaining = time.GetElapsedTime(now, Math.Max(now, _open.Min(watch => watch.Session.BookmarkAt)));

        // Rounded up, because a timer ignores fractions of a millisecond and would wake the connection too early.
        _bookmarks.Change(TimeSpan.FromMilliseconds(Math.Ceiling(remaining.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }

    private void Signal()
    {
        _signalled = true;
        if (Interlocked.Exchange(ref _waking, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private sealed class ConnectionWatch(WatchSession session, long number, byte[] idText, byte[] prefix, bool values)
    {
        public ReadOnlySpan<byte> Prefix => prefix;

        public bool Values => values;

        public WatchSession Session => session;

        public long Number => number;

        /// <summary>The id of the request that opened the watch.</summary>
        public ReadOnlySpan<byte> IdText => idText;

        public bool HasEnded { get; private set; }

        public void End()
        {
            HasEnded = true;
            session.Dispose();
        }
    }
}
