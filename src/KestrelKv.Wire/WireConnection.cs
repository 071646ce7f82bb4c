using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Wire;

/// <summary>One connection: reads what is there, executes it as a batch, writes the replies, and again.</summary>
/// <remarks>
/// <see cref="ServeAsync"/> runs on one thread at a time. <see cref="Stop"/> and <see cref="CheckTimes"/> come from others;
/// they only set a flag or read an instant, and wake the reader.
/// </remarks>
internal sealed class WireConnection : IDisposable
{
    /// <summary>Once the server stops, a client that sends nothing for this time has received all its replies.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromMilliseconds(50);

    /// <summary>Once the server stops, the longest wait for a client that continues to send.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Once the server stops, the most bytes that are served of a client that continues to send: what the system and
    /// the pipe may have held when it stopped, 6 MiB (the greatest net.ipv4.tcp_rmem by default) and 1 MiB, and some more.
    /// </summary>
    private const long DrainBytesMax = 8 * 1024 * 1024;

    /// <summary>The time for which bytes are discarded after the last reply; see <see cref="LingerAsync"/>.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(1);

    /// <summary>The most bytes of replies of a group while <see cref="WireOptions.ReplyBytesTotalMax"/> is exhausted.</summary>
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
    private readonly ReplyRoom _room;
    private readonly FrameRoom _frameRoom;
    private readonly RequestBatch _batch;
    private readonly ConnectionWatches _watches;
    private readonly UnbatchedCommands _unbatched;
    private readonly CommandExecutor _executor;

    private DrainClock? _drain;
    private long _lastActive;

    // The end of the replies whose calls the store has completed.
    private long _completedBytes;

    // The end of what is being served, which must be returned to the pipe before the next read.
    private SequencePosition? _reading;
    private volatile bool _idle;
    private volatile bool _stopping;
    private volatile int _cutReason = -1;

    // Whether the client has ended the stream between two frames, and has been sent all its replies.
    private bool _hasEndedInOrder;

    /// <summary>Guards <see cref="_isOpen"/>: what another thread does to the connection it does while it holds this.</summary>
    private readonly Lock _gate = new();
    private bool _isOpen;

    // Whether the connection is sending changes of its watches.
    private volatile bool _publishes;
    private long _stoppedAt;

    public WireConnection(
        ConnectionContext context, IKeyValueStore store, RequestLimits limits, WireOptions options, WireMetrics metrics,
        WireConnections connections, TimeProvider time)
    {
        _context = context;
        _options = options;
        _metrics = metrics;
        _time = time;
        (_input, _output) = (context.Transport.Input, context.Transport.Output);
        _replyBudget = connections.Replies;
        _replies = new ReplyWriter(_output, _replyBudget);
        _sender = new ReplySender(_output, _replies, Counters, _replyBudget, options.WriteTimeout, time);
        _room = new ReplyRoom(_replyBudget, limits);
        _frameRoom = new FrameRoom(connections.Requests, limits.FrameBytesMax, options.WriteTimeout, time);
        _batch = new RequestBatch(limits, options.BatchRequestsMax, store.Clock);
        _watches = new ConnectionWatches(store, _replies, _replyBudget, options, time, _input.CancelPendingRead);
        _unbatched = new UnbatchedCommands(new RequestRunner(store, connections), _replies, Counters, _watches, _room);
        _executor = new CommandExecutor(store, _replies, Counters, _room, time);
    }

    /// <summary>Whether it can serve the next client of the same <see cref="ConnectionContext"/>: the last one left it as it was.</summary>
    /// <remarks>To be asked after <see cref="Close"/>: until then it may be stopped, or cut off.</remarks>
    public bool IsReusable => _hasEndedInOrder && !_stopping && _cutReason < 0 && _watches.AreUnused;

    /// <summary>Whether it reads and writes the pipes of a connection.</summary>
    public bool Serves(ConnectionContext context) =>
        context == _context && context.Transport.Input == _input && context.Transport.Output == _output;

    /// <summary>Begins to serve a client.</summary>
    public void Open()
    {
        _hasEndedInOrder = false;
        Counters.Clear();
        _replies.Clear();
        _completedBytes = 0;
        _idle = false;
        _lastActive = _time.GetTimestamp();

        // Once for each client: a transport may take a lock to return it.
        Aborted = _context.ConnectionClosed;
        lock (_gate) _isOpen = true;
    }

    /// <summary>Ends what other threads do to the connection.</summary>
    public void Close()
    {
        lock (_gate) _isOpen = false;
    }

    public string Id => _context.ConnectionId;

    public ConnectionCounters Counters { get; } = new();

    /// <summary>Cancels calls when the connection is aborted: by <see cref="CheckTimes"/>, or at the end of a stop.</summary>
    private CancellationToken Aborted { get; set; }

    /// <summary>Why <see cref="CheckTimes"/> has cut it off; null if it has not.</summary>
    public CloseReason? CutReason => _cutReason < 0 ? null : (CloseReason)_cutReason;

    /// <summary>Whether the server stops.</summary>
    public bool IsStopping => _stopping;

    /// <summary>Serves the client until the connection is to be closed.</summary>
    /// <remarks>It awaits the store and the reads itself: a method between would allocate an object for each wait.</remarks>
    public async Task<CloseReason> ServeAsync()
    {
        while (true)
        {
            // Changes have no end, and watches can resume after the restart.
            if (_stopping) _watches.Dispose();
            if (_watches.AreSignalled && !await PublishWatchesAsync()) return CloseReason.Client;

            // While a watch has more to publish, the connection takes the requests that are there and does not wait for others.
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
            while (_batch.Fill(ref buffer))
            {
                served = true;
                bool isRetry = false;
                for (ReadOnlyMemory<Request> rest = _batch.Requests; !rest.IsEmpty;)
                {
                    long stopAt = Counters.BytesSent + (_replyBudget.IsExhausted ? ScarceReplyBytesMax : _options.ReplyBytesMax);
                    int answered;
                    if (UnbatchedCommands.IsUnbatched(rest.Span[0])) answered = await _unbatched.ExecuteAsync(rest[..1], Aborted);
                    else
                    {
                        try
                        {
                            answered = _executor.End(await _executor.BeginAsync(rest, stopAt, Aborted));
                        }
                        catch (DurabilityLostException) when (!isRetry && _executor.TryRetract())
                        {
                            isRetry = true;
                            continue;
                        }
                        if (_executor.TookLong) await Task.Yield();
                    }
                    isRetry = false;
                    _completedBytes = _replies.BytesWritten;
                    if ((_completedBytes >= stopAt || answered == 0) && !await _sender.FlushAsync()) return CloseReason.Client;
                    if (answered == 0) answered = await WaitForRoomAsync(rest.Span[0]);
                    rest = rest[answered..];
                }
                _batch.Clear();
            }

            if (served && !await _sender.FlushAsync()) return CloseReason.Client;
            if (await EndReadAsync(read, buffer, served, start) is { } reason) return reason;
        }
    }

    /// <summary>Waits for room for the reply to a request, and refuses the request if there is none in time.</summary>
    /// <returns>How many requests were answered.</returns>
    private async ValueTask<int> WaitForRoomAsync(Request request)
    {
        if (await _room.WaitAsync(_options.WriteTimeout, Aborted)) return 0;
        _replies.WriteError(ProtocolError.RepliesFull, request.IdText.Span);
        Counters.CountError(ErrorCode.RepliesFull, request.Function);
        return 1;
    }

    /// <summary>Returns to the pipe what was read, counts it, and closes the connection if it has to be closed.</summary>
    /// <param name="read">What was read.</param>
    /// <param name="rest">The part of it that is not a whole request yet.</param>
    /// <param name="served">Whether it had whole requests.</param>
    /// <param name="start">The timestamp of the read.</param>
    /// <returns>Why the connection is closed; null if it is not.</returns>
    private async ValueTask<CloseReason?> EndReadAsync(
        ReadResult read, ReadOnlySequence<byte> rest, bool served, long start)
    {
        (long bytes, long restBytes, long frameBytes) = (read.Buffer.Length - rest.Length, rest.Length, _frameRoom.LengthOf(rest));
        ProtocolError? fault = _batch.FrameError ?? (read.IsCompleted ? FrameReader.AtEnd(rest) : null);
        Counters.BytesReceived += bytes;
        _input.AdvanceTo(rest.Start, rest.End);
        _reading = null;
        if (served)
        {
            // A client that waited for its replies was not idle.
            long end = _time.GetTimestamp();
            Volatile.Write(ref _lastActive, end);
            _metrics.RecordDuration(_time.GetElapsedTime(start, end));
        }

        if (fault is not null) return await CloseAsync(fault, CloseReason.FrameError);
        if (!_frameRoom.TryHold(frameBytes, restBytes, start) && await WaitForFrameRoomAsync(frameBytes, restBytes) is { } full)
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

        // A client that waits for the server is not idle.
        Volatile.Write(ref _lastActive, _time.GetTimestamp());
        return error;
    }

    /// <summary>Lets each watch that is ready publish a part of its changes. False if the client cannot be reached any more.</summary>
    private async ValueTask<bool> PublishWatchesAsync()
    {
        if (LoopWork.IsHere) await Task.Yield();
        int count = _watches.BeginRound();
        _publishes = true;
        for (int place = 0; place < count && !_stopping; place++)
        {
            // Changes wait for room without a limit of time.
            while (!_room.TryReserve(ChangesText.BytesMax))
            {
                if (!await _sender.FlushAsync()) return false;
                await _room.WaitAsync(_options.WriteTimeout, Aborted);
            }
            await _watches.PublishAsync(place, Aborted);
            _room.Release();
            _completedBytes = _replies.BytesWritten;
            if (_sender.UnsentBytes >= _options.ReplyBytesMax && !await _sender.FlushAsync()) return false;
        }
        _watches.EndRound();

        // Once the last watch has ended, the time without a request begins.
        if (_watches.Count == 0) Volatile.Write(ref _lastActive, _time.GetTimestamp());
        bool reached = _sender.UnsentBytes == 0 || await _sender.FlushAsync();
        _publishes = false;
        return reached;
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
    /// Ends the connection after a fault. Replies are written before the store's call completes, and a call that failed may have
    /// written nothing to disk. Its replies are therefore retracted; if the output has some of them, the connection is aborted.
    /// </summary>
    public async Task FailAsync(ProtocolError error)
    {
        if (_reading is { } end) _input.AdvanceTo(end);
        if (_replies.TryRetract(_completedBytes)) await CloseAsync(error);
        else _context.Abort(new ConnectionAbortedException(error.Message));
    }

    /// <summary>Answers what has been received, then ends <see cref="ServeAsync"/>.</summary>
    public void Stop()
    {
        Volatile.Write(ref _stoppedAt, _time.GetTimestamp());
        _stopping = true;
        _frameRoom.Stop();
        _input.CancelPendingRead();
    }

    /// <summary>Ends the connection if it exceeds one of its times. Must be called about once a second.</summary>
    public void CheckTimes()
    {
        lock (_gate)
            if (_isOpen) EndIfLate(_time.GetTimestamp());
    }

    private void EndIfLate(long now)
    {
        if (_sender.IsWaiting)
        {
            if (_stopping && _publishes && _time.GetElapsedTime(Volatile.Read(ref _stoppedAt), now) >= DrainTime)
            {
                // The client can get these changes after the restart. It must not delay the stop, which needs its time for a snapshot.
                Cut(CloseReason.Stopping, "The server stops, and the client does not read the changes of its watches.");
            }
            else if (_sender.IsLate(now))
            {
                Cut(CloseReason.WriteTimeout, "The client does not read its replies.");
            }
        }
        else if (_frameRoom.IsLate(now))
        {
            Cut(CloseReason.RequestsFull, "The client does not send the rest of its request, and others wait for its room.");
        }
        else if (_options.IdleTimeout > TimeSpan.Zero && _watches.Count == 0 && IdleTimeIsOver(now))
        {
            _idle = true;
            _input.CancelPendingRead();
        }
    }

    private void Cut(CloseReason reason, string message)
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
            // The connection has broken. The next read reports it.
            return false;
        }
    }

    private bool IdleTimeIsOver(long now) =>
        _time.GetElapsedTime(Volatile.Read(ref _lastActive), now) >= _options.IdleTimeout;

    /// <summary>
    /// Reads and discards what the client is still sending. If a socket is closed with bytes unread, the system resets the
    /// connection, and a reset can overtake the last reply.
    /// </summary>
    private async Task LingerAsync()
    {
        using var enough = new CancellationTokenSource(LingerTime, _time);
        try
        {
            while (true)
            {
                ReadResult read = await _input.ReadAsync(enough.Token);
                _input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }

    private ProtocolError IdleError() =>
        new(ErrorCode.IdleTimeout, $"no byte came for {_options.IdleTimeout.TotalSeconds} seconds (Wire:IdleTimeout)");
}
