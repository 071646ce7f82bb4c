using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Wire;

/// <summary>Serves one connection: reads the received frames, executes them as a batch, sends the replies, and repeats.</summary>
/// <remarks>
/// <see cref="ServeAsync"/> runs on one thread at a time. Other threads call <see cref="Stop"/> and <see cref="CheckTimes"/>, which set
/// flags, read timestamps, and wake the reader or abort the connection.
/// </remarks>
internal sealed class WireConnection : IDisposable
{
    /// <summary>During a stop, a client that sends nothing for this time has received all its replies.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromMilliseconds(50);

    /// <summary>During a stop, the maximum wait for a client that continues to send.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    /// <summary>
    /// During a stop, the maximum number of bytes served of a client that continues to send. At its beginning the system may have held
    /// 6 MiB (the default maximum of net.ipv4.tcp_rmem) and the pipe 1 MiB; the limit is slightly higher.
    /// </summary>
    private const long DrainBytesMax = 8 * 1024 * 1024;

    /// <summary>How long bytes are discarded after the last reply; see <see cref="LingerAsync"/>.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(1);

    /// <summary>The maximum number of reply bytes per group while <see cref="WireOptions.ReplyBytesTotalMax"/> is exhausted.</summary>
    private const int ScarceReplyBytesMax = 16 * 1024;

    private readonly ConnectionContext _context;
    private readonly PipeWriter _output;
    private readonly WireOptions _options;
    private readonly WireMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly PipeReader _input;
    private readonly ByteBudget _replyBudget;
    private readonly ReplyWriter _replies;
    private readonly ReplySender _sender;
    private readonly int _frameBytesMax;
    private readonly ReplyRoom _room;
    private readonly FrameRoom _frameRoom;
    private readonly RequestSpans _spans;
    private readonly RequestBatch _batch;
    private readonly ConnectionWatches _watches;
    private readonly UnbatchedCommands _unbatched;
    private readonly CommandExecutor _executor;

    /// <summary>Null if the server has no users: every client may then do everything.</summary>
    private readonly ClientSession? _session;

    private DrainClock? _drain;
    private long _lastActive;
    private long _unadmittedSince;
    private volatile bool _authIsLate;

    // The end of the replies whose store calls have completed.
    private long _completedBytes;

    // The end of the current read, which must be returned to the pipe before the next read.
    private SequencePosition? _reading;
    private volatile bool _idle;
    private volatile bool _stopping;
    private volatile int _cutReason = -1;

    // Whether the client has ended the stream between two frames, and has been sent all its replies.
    private bool _hasEndedInOrder;

    /// <summary>
    /// Guards <see cref="_isOpen"/>. <see cref="CheckTimes"/> acts only while it holds this lock and the connection is open.
    /// </summary>
    private readonly Lock _gate = new();
    private bool _isOpen;

    // Whether the connection is sending changes of its watches.
    private volatile bool _publishes;
    private long _stoppedAt;

    public WireConnection(
        ConnectionContext context, IKeyValueStore store, RequestLimits limits, WireOptions options, WireMetrics metrics,
        WireConnections connections, IAccessControl? access, RequestTracing? tracing, TimeProvider time)
    {
        _context = context;
        _options = options;
        _metrics = metrics;
        _time = time;
        (_input, _output) = (context.Transport.Input, context.Transport.Output);
        _replyBudget = connections.Replies;
        _replies = new ReplyWriter(_output, _replyBudget);
        _sender = new ReplySender(_output, _replies, Counters, _replyBudget, options.WriteTimeout, time);
        _frameBytesMax = limits.FrameBytesMax;
        _room = new ReplyRoom(_replyBudget, limits);
        _frameRoom = new FrameRoom(connections.Requests, limits.FrameBytesMax, options.WriteTimeout, time);
        _spans = new RequestSpans(tracing);
        _batch = new RequestBatch(limits, options.BatchRequestsMax, _spans, store.Clock);
        _watches = new ConnectionWatches(store, _replies, _replyBudget, options, time, _input.CancelPendingRead);
        _session = access is null ? null : new ClientSession(this, access, connections, limits);
        _unbatched = new UnbatchedCommands(new RequestRunner(store, connections), _replies, Counters, _watches, _session, _room, _spans);
        _executor = new CommandExecutor(store, _replies, Counters, _room, _spans, time);
    }

    /// <summary>Whether the object can serve another client of the same <see cref="ConnectionContext"/>: no state is left.</summary>
    /// <remarks>Must be read after <see cref="Close"/>: before that, a stop or a timeout may change it.</remarks>
    public bool IsReusable => _hasEndedInOrder && !_stopping && _cutReason < 0 && _watches.AreUnused;

    /// <summary>Whether the object reads and writes the pipes of a connection.</summary>
    public bool Serves(ConnectionContext context) =>
        context == _context && context.Transport.Input == _input && context.Transport.Output == _output;

    public void Open()
    {
        _hasEndedInOrder = false;
        Counters.Clear();
        _replies.Clear();
        _completedBytes = 0;
        _idle = false;
        _authIsLate = false;
        _lastActive = _time.GetTimestamp();
        BeginAuthTimeout();
        _session?.Begin(_context);

        // Read once per client, because a transport may take a lock to return it.
        Aborted = _context.ConnectionClosed;
        lock (_gate) _isOpen = true;
    }

    /// <summary>Ends the access of <see cref="CheckTimes"/>, which has no effect afterwards.</summary>
    public void Close()
    {
        lock (_gate) _isOpen = false;
        _spans.Abandon();
        _session?.End();
    }

    public string Id => _context.ConnectionId;

    public ConnectionCounters Counters { get; } = new();

    /// <summary>Cancels store calls when the connection is aborted: by <see cref="CheckTimes"/>, or at the end of a stop.</summary>
    private CancellationToken Aborted { get; set; }

    /// <summary>The reason for which <see cref="CheckTimes"/> aborted the connection; null if it did not.</summary>
    public CloseReason? AbortReason => _cutReason < 0 ? null : (CloseReason)_cutReason;

    public bool IsStopping => _stopping;

    /// <summary>Serves the client until the connection must be closed, and returns the reason.</summary>
    /// <remarks>Awaits the store and the reads itself: a method in between would allocate an object per wait.</remarks>
    public async Task<CloseReason> ServeAsync()
    {
        while (true)
        {
            // Watches have no end, and can resume after the restart.
            if (_stopping) _watches.Dispose();
            if (_session is { IsStale: true })
            {
                if (!RefreshRights()) return await CloseAsync(ProtocolError.AuthRevoked, CloseReason.AuthRevoked);
                if (_sender.UnsentBytes > 0 && !await _sender.FlushAsync()) return CloseReason.Client;
            }
            if (_watches.AreSignalled && !await PublishWatchesAsync()) return CloseReason.Client;

            // While a watch has more to publish, the connection takes received requests and does not wait for others.
            ReadResult read;
            if (!_watches.AreSignalled) read = await _input.ReadAsync();
            else if (!_input.TryRead(out read))
            {
                await Task.Yield();
                continue;
            }
            ReadOnlySequence<byte> buffer = read.Buffer;
            _reading = buffer.End;
            long start = _time.GetTimestamp();
            if (!read.IsCanceled) Volatile.Write(ref _lastActive, start);
            if (buffer.Length > LoopWork.RequestBytesMax && FrameRoom.IsWhole(buffer) && LoopWork.IsHere) await Task.Yield();

            bool served = false;
            while (_batch.Fill(ref buffer, _session?.FrameBytesMax ?? _frameBytesMax))
            {
                served = true;
                bool isRetry = false;
                bool areNew = true;
                for (ReadOnlyMemory<Request> remaining = _batch.Requests; !remaining.IsEmpty;)
                {
                    if (_session is not null && (areNew || _session.IsStale))
                    {
                        if (_session.IsStale && !RefreshRights())
                            return await CloseInReadAsync(ProtocolError.AuthRevoked, CloseReason.AuthRevoked);
                        _session.Check(_batch.Last(remaining.Length), areNew);
                        areNew = false;
                    }
                    bool isScarce = _replyBudget.IsExhausted || _session is { IsAdmitted: false };
                    long stopAt = Counters.BytesSent + (isScarce ? ScarceReplyBytesMax : _options.ReplyBytesMax);
                    int answered;
                    if (UnbatchedCommands.IsUnbatched(remaining.Span[0])) answered = await _unbatched.ExecuteAsync(remaining[..1], Aborted);
                    else
                    {
                        try
                        {
                            answered = _executor.End(await _executor.BeginAsync(remaining, stopAt, Aborted));
                        }
                        catch (StoreFailureException e) when (_executor.TryRetract())
                        {
                            if (e.MayRepeat && !isRetry)
                            {
                                isRetry = true;
                                continue;
                            }
                            answered = _executor.Refuse(remaining, e);
                        }
                        if (_executor.TookLong) await Task.Yield();
                    }
                    isRetry = false;
                    _spans.End(answered);
                    _completedBytes = _replies.BytesWritten;
                    if ((_completedBytes >= stopAt || answered == 0) && !await _sender.FlushAsync()) return CloseReason.Client;
                    if (answered == 0) answered = await WaitForRoomAsync(remaining.Span[0]);
                    remaining = remaining[answered..];
                }
                _batch.Clear();
                if (_session is { HasFailed: true }) break;
            }

            if (served && !await _sender.FlushAsync()) return CloseReason.Client;
            if (await EndReadAsync(read, buffer, served, start) is { } reason) return reason;
        }
    }

    /// <summary>Waits for room for the reply to a request, and refuses the request if there is none in time.</summary>
    /// <returns>The number of answered requests.</returns>
    private async ValueTask<int> WaitForRoomAsync(Request request)
    {
        if (await _room.WaitAsync(_options.WriteTimeout, Aborted)) return 0;
        _replies.WriteError(ProtocolError.RepliesFull, request.IdText.Span);
        Counters.CountError(ErrorCode.RepliesFull, request.Function);
        _spans.Fail(0, ErrorCode.RepliesFull);
        _spans.End(1);
        return 1;
    }

    /// <summary>Returns a read to the pipe, except its incomplete last request, and closes the connection if necessary.</summary>
    /// <returns>The reason of the close; null if the connection remains open.</returns>
    private async ValueTask<CloseReason?> EndReadAsync(
        ReadResult read, ReadOnlySequence<byte> remaining, bool served, long start)
    {
        (long bytes, long remainingBytes) = (read.Buffer.Length - remaining.Length, remaining.Length);
        long frameBytes = _frameRoom.LengthOf(remaining);
        ProtocolError? fault = _batch.FrameError ?? (read.IsCompleted ? FrameReader.AtEnd(remaining) : null);
        Counters.BytesReceived += bytes;
        _input.AdvanceTo(remaining.Start, remaining.End);
        _reading = null;
        if (served)
        {
            // A client that waited for its replies was not idle.
            long end = _time.GetTimestamp();
            Volatile.Write(ref _lastActive, end);
            _metrics.RecordDuration(_time.GetElapsedTime(start, end));
        }

        if (_session is { } session)
        {
            if (session.HasFailed) return await CloseAfterRepliesAsync(CloseReason.AuthFailed);
            if (_authIsLate && !session.IsAdmitted) return await CloseAsync(AuthTimeoutError(), CloseReason.AuthTimeout);
            if (fault is { Code: ErrorCode.FrameTooLong } && !session.IsAdmitted) fault = ClientSession.FrameTooLong;
        }
        if (fault is not null) return await CloseAsync(fault, CloseReason.FrameError);
        if (!_frameRoom.TryHold(frameBytes, remainingBytes, start) && await WaitForFrameRoomAsync(frameBytes, remainingBytes) is { } full)
            return await CloseAsync(full, CloseReason.RequestsFull);
        if (read.IsCompleted)
        {
            _hasEndedInOrder = true;
            return CloseReason.Client;
        }
        if (_idle && _watches.Count == 0 && IdleTimeIsOver(_time.GetTimestamp()))
            return await CloseAsync(IdleError(), CloseReason.IdleTimeout);
        _idle = false;
        if (!_stopping) return null;

        bool silent = read.IsCanceled && !served && !BytesAreWaiting();
        _drain ??= new DrainClock(_input, _time, QuietTime, DrainTime, DrainBytesMax);
        if (!_drain.IsOver(silent, start, bytes)) return null;
        if (!silent) await LingerAsync();
        return CloseReason.Stopping;
    }

    private async ValueTask<ProtocolError?> WaitForFrameRoomAsync(long frameBytes, long receivedBytes)
    {
        ProtocolError? error = await _frameRoom.WaitAsync(frameBytes, receivedBytes, Aborted);

        // A client that waited for the server was not idle.
        Volatile.Write(ref _lastActive, _time.GetTimestamp());
        return error;
    }

    /// <summary>Lets each ready watch publish a part of its changes. Returns false if the client has disconnected.</summary>
    private async ValueTask<bool> PublishWatchesAsync()
    {
        if (LoopWork.IsHere) await Task.Yield();
        int count = _watches.BeginRound();
        _publishes = true;
        for (int index = 0; index < count && !_stopping && _session is not { IsStale: true }; index++)
        {
            // Changes wait for room without a timeout.
            while (!_room.TryReserve(ChangesText.BytesMax))
            {
                if (!await _sender.FlushAsync()) return false;
                await _room.WaitAsync(_options.WriteTimeout, Aborted);
            }

            // The client may have lost its rights during the wait.
            if (_session is { IsStale: true })
            {
                _room.Release();
                break;
            }
            await _watches.PublishAsync(index, _session, Aborted);
            _room.Release();
            _completedBytes = _replies.BytesWritten;
            if (_sender.UnsentBytes >= _options.ReplyBytesMax && !await _sender.FlushAsync()) return false;
        }
        _watches.EndRound();

        // The idle time begins at the end of the last watch.
        if (_watches.Count == 0) Volatile.Write(ref _lastActive, _time.GetTimestamp());
        bool reached = _sender.UnsentBytes == 0 || await _sender.FlushAsync();
        _publishes = false;
        return reached;
    }

    /// <summary>Applies changes of users and rights to the client and its watches. Returns false if the client's user or secret is no longer valid.</summary>
    private bool RefreshRights()
    {
        if (!_session!.Refresh()) return false;
        _watches.EndForbidden(_session);
        return true;
    }

    /// <summary>Closes the connection before all requests of the current read are executed.</summary>
    private Task<CloseReason> CloseInReadAsync(ProtocolError error, CloseReason reason)
    {
        _batch.Clear();
        _spans.Abandon(error.Code);
        _input.AdvanceTo(_reading!.Value);
        _reading = null;
        return CloseAsync(error, reason);
    }

    private async Task<CloseReason> CloseAfterRepliesAsync(CloseReason reason)
    {
        await LingerAsync();
        return reason;
    }

    private async Task<CloseReason> CloseAsync(ProtocolError error, CloseReason reason)
    {
        await CloseAsync(error);
        return reason;
    }

    /// <summary>Sends an error as the last reply, and gives the client time to read it.</summary>
    public async Task CloseAsync(ProtocolError error)
    {
        if (error.Code == ErrorCode.HttpRequest) _replies.WriteHttp();
        else _replies.WriteError(error);
        Counters.CountError(error.Code);
        if (await _sender.FlushAsync()) await LingerAsync();
    }

    /// <summary>
    /// Ends the connection after a fault. Replies are written before their store call completes, and a failed call may have written
    /// nothing to disk. Its replies are therefore retracted. If the output already has some of them, the connection is aborted.
    /// </summary>
    public async Task FailAsync(ProtocolError error)
    {
        _spans.Abandon(error.Code);
        if (_reading is { } end) _input.AdvanceTo(end);
        if (_replies.TryRetract(_completedBytes)) await CloseAsync(error);
        else _context.Abort(new ConnectionAbortedException(error.Message));
    }

    /// <summary>Ends <see cref="ServeAsync"/> once all received requests are answered. May be called by any thread.</summary>
    public void Stop()
    {
        Volatile.Write(ref _stoppedAt, _time.GetTimestamp());
        _stopping = true;
        _frameRoom.Stop();
        _input.CancelPendingRead();
    }

    /// <summary>Makes the connection apply changes of users and rights. May be called by any thread.</summary>
    /// <remarks>
    /// A canceled read continues on this thread, so no lock is held. The next client of a closed connection only reads once more.
    /// </remarks>
    public void Recheck()
    {
        bool isOpen;
        lock (_gate) isOpen = _isOpen;
        if (isOpen) _input.CancelPendingRead();
    }

    /// <summary>Begins the time in which the client must authenticate.</summary>
    public void BeginAuthTimeout() => Volatile.Write(ref _unadmittedSince, _time.GetTimestamp());

    /// <summary>Ends the connection if it is open and its client has not authenticated. May be called by any thread.</summary>
    public void EndIfNotAdmitted()
    {
        lock (_gate)
        {
            if (!_isOpen || _authIsLate || IsAdmitted) return;
            _authIsLate = true;

            // A client that leaves replies unread would not get the error.
            if (_sender.IsWaiting)
            {
                Abort(CloseReason.AuthTimeout, "The client did not authenticate in time (Wire:AuthTimeout).");
                return;
            }
        }
        _input.CancelPendingRead();
    }

    /// <summary>Whether the client has authenticated, or need not. May be read by any thread.</summary>
    public bool IsAdmitted => _session?.IsAdmitted ?? true;

    /// <summary>Ends the connection if it exceeds a timeout. Must be called periodically. May be called by any thread.</summary>
    public void CheckTimes()
    {
        lock (_gate)
            if (_isOpen) EndIfLate(_time.GetTimestamp());
    }

    private void EndIfLate(long now)
    {
        if (!IsAdmitted && _time.GetElapsedTime(Volatile.Read(ref _unadmittedSince), now) >= _options.AuthTimeout) EndIfNotAdmitted();
        if (_sender.IsWaiting)
        {
            if (_stopping && _publishes && _time.GetElapsedTime(Volatile.Read(ref _stoppedAt), now) >= DrainTime)
            {
                // The client can receive these changes after the restart. They must not take the stop's time, which a snapshot needs.
                Abort(CloseReason.Stopping, "The server is stopping, and the client does not read the changes of its watches.");
            }
            else if (_sender.IsLate(now))
            {
                Abort(CloseReason.WriteTimeout, "The client did not read its replies in time (Wire:WriteTimeout).");
            }
        }
        else if (_frameRoom.IsLate(now))
        {
            Abort(CloseReason.RequestsFull, "The client did not send its request in time (Wire:WriteTimeout), and others wait.");
        }
        else if (_options.IdleTimeout > TimeSpan.Zero && _watches.Count == 0 && IdleTimeIsOver(now))
        {
            _idle = true;
            _input.CancelPendingRead();
        }
    }

    private void Abort(CloseReason reason, string message)
    {
        _cutReason = (int)reason;
        _context.Abort(new ConnectionAbortedException(message));
    }

    /// <summary>Ends the watches and releases all memory. Must be called after <see cref="ServeAsync"/> has ended.</summary>
    public void Dispose()
    {
        _drain?.Dispose();
        _watches.Dispose();
        _executor.Dispose();
        _sender.Dispose();
        _frameRoom.Dispose();
    }

    /// <summary>Whether the system holds bytes of the client that the transport has not read yet.</summary>
    private bool BytesAreWaiting()
    {
        try
        {
            return _context.Features.Get<IConnectionSocketFeature>()?.Socket.Available > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The connection is broken. The next read reports it.
            return false;
        }
    }

    private bool IdleTimeIsOver(long now) =>
        _time.GetElapsedTime(Volatile.Read(ref _lastActive), now) >= _options.IdleTimeout;

    /// <summary>
    /// Reads and discards bytes that the client still sends. If a socket is closed with unread bytes, the system resets the connection,
    /// and a reset can overtake the last reply.
    /// </summary>
    private async Task LingerAsync()
    {
        using var timeout = new CancellationTokenSource(LingerTime, _time);
        try
        {
            while (true)
            {
                ReadResult read = await _input.ReadAsync(timeout.Token);
                _input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (OperationCanceledException)
        {
            // The linger time is over.
        }
    }

    private ProtocolError AuthTimeoutError() => new(
        ErrorCode.AuthTimeout, $"the client did not authenticate within {_options.AuthTimeout.TotalSeconds} seconds (Wire:AuthTimeout)");

    private ProtocolError IdleError() =>
        new(ErrorCode.IdleTimeout, $"no byte arrived for {_options.IdleTimeout.TotalSeconds} seconds (Wire:IdleTimeout)");
}
