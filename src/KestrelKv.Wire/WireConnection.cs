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
    /// <summary>Once the server stops, a client that is silent for so long has had its requests answered.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromMilliseconds(50);

    /// <summary>Once the server stops, a client that goes on and on is waited for so long at the most.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Once the server stops, a client that goes on and on is served so many bytes at the most: what the system and
    /// the pipe may have held when it stopped, 6 MiB (the greatest net.ipv4.tcp_rmem by default) and 1 MiB, and some.
    /// </summary>
    private const long DrainBytesMax = 8 * 1024 * 1024;

    /// <summary>How long what a client still sends is read off after the last reply; see <see cref="LingerAsync"/>.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(1);

    /// <summary>What replies of a group may come to while the replies of all connections take all that they may.</summary>
    private const int ScarceReplyBytesMax = 16 * 1024;

    private readonly ConnectionContext _context;
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
    private readonly CommandExecutor _executor;

    private long _lastActive;

    // Up to here replies tell what is so: the store has completed the calls that they tell of.
    private long _completedBytes;

    // The end of what is being served; it must be handed back to the pipe before the next read.
    private SequencePosition? _reading;
    private volatile bool _idle;
    private volatile bool _stopping;
    private volatile int _cutReason = -1;

    // Whether what is being sent, and waits for the client to read, is what watches tell.
    private volatile bool _tells;
    private long _stoppedAt;

    public WireConnection(
        ConnectionContext context, IKeyValueStore store, RequestLimits limits, WireOptions options, WireMetrics metrics,
        WireConnections connections, TimeProvider time)
    {
        _context = context;
        _options = options;
        _metrics = metrics;
        _time = time;
        _input = context.Transport.Input;
        _replyBudget = connections.Replies;
        _replies = new ReplyWriter(context.Transport.Output, _replyBudget);
        _sender = new ReplySender(context.Transport.Output, _replies, Counters, _replyBudget, options.WriteTimeout, time);
        _room = new ReplyRoom(_replyBudget, limits);
        _frameRoom = new FrameRoom(connections.Requests, limits.FrameBytesMax, options.WriteTimeout, time);
        _batch = new RequestBatch(limits, options.BatchRequestsMax, store.Clock);
        _watches = new ConnectionWatches(store, _replies, _replyBudget, options, time, _input.CancelPendingRead);
        var unbatched = new UnbatchedCommands(new RequestRunner(store, connections), _replies, Counters, _watches, _room);
        _executor = new CommandExecutor(store, _replies, Counters, unbatched, _room, time);
        _lastActive = time.GetTimestamp();
    }

    public string Id => _context.ConnectionId;

    public ConnectionCounters Counters { get; } = new();

    /// <summary>Ends calls that are under way once the connection is aborted: by <see cref="CheckTimes"/>, or as the server stops waiting.</summary>
    private CancellationToken Aborted => _context.ConnectionClosed;

    /// <summary>Why <see cref="CheckTimes"/> has cut it off; null if it has not.</summary>
    public CloseReason? CutReason => _cutReason < 0 ? null : (CloseReason)_cutReason;

    /// <summary>Whether the server stops.</summary>
    public bool IsStopping => _stopping;

    /// <summary>Serves the client until it, or the server, has had enough.</summary>
    public async Task<CloseReason> ServeAsync()
    {
        using var drain = new DrainClock(_input, _time, QuietTime, DrainTime, DrainBytesMax);
        while (true)
        {
            // What a watch has to tell would never end, and is there after the restart as well.
            if (_stopping) _watches.Dispose();
            if (_watches.AreSignalled && !await TellWatchesAsync()) return CloseReason.Client;

            // Where watches have more to tell, requests are looked for but not waited for.
            if (!_watches.AreSignalled || !_input.TryRead(out ReadResult read))
            {
                if (_watches.AreSignalled)
                {
                    await Task.Yield();
                    continue;
                }
                read = await _input.ReadAsync();
            }
            ReadOnlySequence<byte> buffer = read.Buffer;
            _reading = buffer.End;
            long start = _time.GetTimestamp();
            if (!read.IsCanceled) Volatile.Write(ref _lastActive, start);
            bool served = false;
            if (buffer.Length > LoopWork.RequestBytesMax && _frameRoom.IsWhole(buffer) && LoopWork.IsHere) await Task.Yield();

            while (_batch.Fill(ref buffer))
            {
                served = true;
                for (ReadOnlyMemory<Request> rest = _batch.Requests; !rest.IsEmpty;)
                {
                    long stopAt = Counters.BytesSent + (_replyBudget.IsExhausted ? ScarceReplyBytesMax : _options.ReplyBytesMax);
                    int answered;
                    try
                    {
                        answered = _executor.End(await _executor.BeginAsync(rest, stopAt, Aborted));
                    }
                    catch (DurabilityLostException) when (_executor.MayTryAgain())
                    {
                        continue;
                    }
                    _completedBytes = _replies.BytesWritten;
                    if ((_completedBytes >= stopAt || answered == 0) && !await _sender.FlushAsync()) return CloseReason.Client;
                    if (_executor.TookLong) await Task.Yield();
                    if (answered == 0) answered = await WaitForRoomAsync(rest.Span[0]);
                    rest = rest[answered..];
                }
                _batch.Clear();
            }

            if (served && !await _sender.FlushAsync()) return CloseReason.Client;
            long bytes = read.Buffer.Length - buffer.Length;
            (long frameBytes, long restBytes) = (_frameRoom.LengthOf(buffer), buffer.Length);
            if (EndRead(read, buffer, bytes, served ? start : null) is { } fault) return await CloseAsync(fault, CloseReason.FrameError);
            if (!_frameRoom.TryHold(frameBytes, restBytes, start) && await WaitForFrameRoomAsync(frameBytes, restBytes) is { } full)
                return await CloseAsync(full, CloseReason.RequestsFull);
            if (read.IsCompleted) return CloseReason.Client;
            if (_idle && _watches.Count == 0 && IdleTimeIsOver(_time.GetTimestamp()))
                return await CloseAsync(IdleError(), CloseReason.IdleTimeout);
            _idle = false;
            if (_stopping)
            {
                bool silent = read.IsCanceled && !served && !BytesAreWaiting();
                if (drain.IsOver(silent, start, bytes)) return await StopAsync(silent);
            }
        }
    }

    /// <summary>Waits for room for the reply to a request, and refuses the request if there is none in time.</summary>
    /// <returns>How many requests were answered.</returns>
    private async ValueTask<int> WaitForRoomAsync(Request request)
    {
        if (await _room.WaitAsync(_options.WriteTimeout, Aborted)) return 0;
        _executor.RefuseForRoom(request);
        return 1;
    }

    private async ValueTask<ProtocolError?> WaitForFrameRoomAsync(long frameBytes, long receivedBytes)
    {
        ProtocolError? error = await _frameRoom.WaitAsync(frameBytes, receivedBytes, Aborted);

        // A client that waits for the server is not idle.
        Volatile.Write(ref _lastActive, _time.GetTimestamp());
        return error;
    }

    /// <summary>Hands back to the pipe what was read, and counts it.</summary>
    /// <param name="read">What was read.</param>
    /// <param name="rest">What of it is no whole request yet.</param>
    /// <param name="bytes">What of it was requests.</param>
    /// <param name="servedSince">When their batch began; null where there were none.</param>
    /// <returns>Why nothing more can be read; null where it can.</returns>
    private ProtocolError? EndRead(ReadResult read, in ReadOnlySequence<byte> rest, long bytes, long? servedSince)
    {
        ProtocolError? error = _batch.FrameError ?? (read.IsCompleted ? FrameReader.AtEnd(rest) : null);
        Counters.BytesReceived += bytes;
        _input.AdvanceTo(rest.Start, rest.End);
        _reading = null;
        if (servedSince is { } start)
        {
            // A client that waited for its replies was not idle.
            long end = _time.GetTimestamp();
            Volatile.Write(ref _lastActive, end);
            _metrics.RecordDuration(_time.GetElapsedTime(start, end));
        }
        return error;
    }

    /// <summary>
    /// Lets each watch that is ready tell a part of what it has, and sends it. False where the client can't be reached any more.
    /// </summary>
    private async ValueTask<bool> TellWatchesAsync()
    {
        if (LoopWork.IsHere) await Task.Yield();
        int count = _watches.BeginRound();
        _tells = true;
        for (int place = 0; place < count && !_stopping; place++)
        {
            // What a watch has to tell waits for as long as it takes.
            while (!_room.TryReserve(ChangesText.BytesMax))
            {
                if (!await _sender.FlushAsync()) return false;
                await _room.WaitAsync(_options.WriteTimeout, Aborted);
            }
            await _watches.TellAsync(place, Aborted);
            _room.Release();
            _completedBytes = _replies.BytesWritten;
            if (_sender.UnsentBytes >= _options.ReplyBytesMax && !await _sender.FlushAsync()) return false;
        }
        _watches.EndRound();

        // Once the last watch has ended, the time without a request begins.
        if (_watches.Count == 0) Volatile.Write(ref _lastActive, _time.GetTimestamp());
        bool reached = _sender.UnsentBytes == 0 || await _sender.FlushAsync();
        _tells = false;
        return reached;
    }

    private async Task<CloseReason> CloseAsync(ProtocolError error, CloseReason reason)
    {
        await CloseAsync(error);
        return reason;
    }

    private async Task<CloseReason> StopAsync(bool silent)
    {
        if (!silent) await LingerAsync();
        return CloseReason.Stopping;
    }

    /// <summary>Answers with an error as the last thing, and waits a little for the client to have read it.</summary>
    public async Task CloseAsync(ProtocolError error)
    {
        if (error.Code == ErrorCode.HttpRequest) _replies.WriteHttp();
        else _replies.WriteError(error);
        Counters.CountError(error.Code);
        if (await _sender.FlushAsync()) await LingerAsync();
    }

    /// <summary>
    /// Ends the connection after a fault. Replies are written before the store's call completes, and one that
    /// failed may have written nothing to disk: so they are taken back, or, if the output has them, never sent.
    /// </summary>
    public async Task FailAsync(ProtocolError error)
    {
        if (_reading is { } end) _input.AdvanceTo(end);
        if (_replies.TryTakeBack(_completedBytes)) await CloseAsync(error);
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

    /// <summary>Ends the connection if it exceeds one of its times. To be called about once a second.</summary>
    public void CheckTimes()
    {
        long now = _time.GetTimestamp();
        if (_sender.IsWaiting)
        {
            if (_stopping && _tells && _time.GetElapsedTime(Volatile.Read(ref _stoppedAt), now) >= DrainTime)
            {
                // No reply is lost that it could not get after the restart: it must not hold up the stop, and cost it its snapshot.
                Cut(CloseReason.Stopping, "The server stops, and the client does not read what its watches tell.");
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

    /// <summary>Ends the watches. To be called once nothing is served any more.</summary>
    public void Dispose()
    {
        _watches.Dispose();
        _executor.Dispose();
        _sender.Dispose();
        _frameRoom.Dispose();
    }

    /// <summary>Whether the system holds bytes of the client that the transport has not come round to reading.</summary>
    private bool BytesAreWaiting()
    {
        try
        {
            return _context.Features.Get<IConnectionSocketFeature>()?.Socket.Available > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The connection has broken, which the next read will tell.
            return false;
        }
    }

    private bool IdleTimeIsOver(long now) =>
        _time.GetElapsedTime(Volatile.Read(ref _lastActive), now) >= _options.IdleTimeout;

    /// <summary>
    /// Reads and forgets what the client is still sending. To close a socket with bytes unread makes the system
    /// reset the connection, and a reset can overtake the reply that says what was wrong.
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
            // The client had its time.
        }
    }

    private ProtocolError IdleError() =>
        new(ErrorCode.IdleTimeout, $"no byte came for {_options.IdleTimeout.TotalSeconds} seconds (Wire:IdleTimeout)");
}
