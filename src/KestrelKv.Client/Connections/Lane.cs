using KestrelKv.Client.Requests;

namespace KestrelKv.Client.Connections;

/// <summary>A queue of calls and the connection that sends them. Calls are sent in the order of their submission. Thread-safe.</summary>
/// <remarks>
/// <para>
/// A lane connects when a call needs it. If a connection breaks, the calls that had no reply are sent again on the next one, before all
/// others and in their order, if they are repeatable; otherwise their outcome is unknown.
/// </para>
/// <para><see cref="_gate"/> protects the queue, and the sent calls of the connection. It is held for short, never while data is sent.</para>
/// </remarks>
internal sealed class Lane : IDisposable, IAsyncDisposable
{
    private const string MayNotWait = "The client is not connected, and the call may not wait";

    private static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly KestrelKvClientOptions _options;
    private readonly Connector _connector;
    private readonly Admission _admission;
    private readonly ITimer _sweeper;
    private readonly long _retryTicks;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CallQueue _queue = new();
    private Connection? _connection;
    private Task _connecting = Task.CompletedTask;
    private readonly Backoff _backoff;
    private long _lastAttempt;

    // Why the last connection or attempt failed; null if there is a connection, and before the first attempt.
    private Exception? _lastFailure;
    private bool _isSweeping;
    private bool _isConnecting;

    public Lane(KestrelKvClientOptions options, Connector connector)
    {
        (_options, _connector) = (options, connector);
        _retryTicks = (long)(options.RetryTime.TotalSeconds * options.Time.TimestampFrequency);
        _admission = new(options.CallsMax, options.QueuedBytesMax);
        _backoff = new(options.ReconnectDelayMax);
        _sweeper = options.Time.CreateTimer(static lane => ((Lane)lane!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public TimeProvider Time => _options.Time;

    public TimeSpan StallTimeout => _options.StallTimeout;

    public int ReplyBytesMax => _options.ReplyBytesMax;

    /// <summary>The request ids of the lane's writes.</summary>
    public RequestSlots Slots { get; } = new();

    /// <summary>The number of calls that are in progress.</summary>
    public int Calls => _admission.Calls;

    public bool TryEnter() => _admission.TryEnter();

    /// <summary>Waits until the lane has room for another call.</summary>
    /// <param name="timeout">The deadline.</param>
    /// <param name="failsFast">Whether the call fails if there is no connection.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async Task EnterAsync(TimeSpan timeout, bool failsFast, CancellationToken cancellationToken)
    {
        if (failsFast && IsBroken) throw NotSent(MayNotWait);
        using var late = new CancellationTokenSource(timeout, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken, _stopping.Token);
        try
        {
            await _admission.EnterAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw _stopping.IsCancellationRequested
                ? NotSentException.Disposed()
                : NotSent(
                    $"The deadline passed while {_options.CallsMax} calls (CallsMax) or {_options.QueuedBytesMax} bytes (QueuedBytesMax) were queued",
                    new TimeoutException("The deadline of the call has passed."));
        }
        catch (OperationCanceledException e)
        {
            throw new OperationCanceledException(e.Message, new NotSentException("The call was canceled before the request was sent."), cancellationToken);
        }
    }

    public void Leave(int bytes) => _admission.Leave(bytes);

    /// <summary>Queues a call, which has entered. The lane becomes an owner of it.</summary>
    public void Submit(Call call)
    {
        _admission.Add(call.Request.Length);
        Connection? sender = null;
        bool onCallerThread = false, refused;
        lock (_gate)
        {
            if (_connection is null) Connect();
            refused = _stopping.IsCancellationRequested || (call.FailsFast && IsBroken);
            if (!refused)
            {
                _queue.Add(call);
                if (!_isSweeping) StartSweeping();
                if (_connection?.TryBeginSending(out onCallerThread) == true) sender = _connection;
            }
        }
        sender?.Send(onCallerThread);
        if (refused) Refuse(call);
    }

    /// <summary>
    /// Moves queued calls to those that a connection has sent, and copies their requests to a buffer. A request that is longer than the
    /// whole buffer is returned instead: the caller sends it and then releases the call.
    /// </summary>
    /// <returns>The number of bytes in the buffer. If it is 0 and there is no long request, nothing is left and the connection stops sending.</returns>
    public int TakeForSending(Connection connection, Span<byte> buffer, out Call? longCall)
    {
        int length = 0;
        longCall = null;
        lock (_gate)
        {
            // A broken connection must take no calls: they would be lost with it.
            if (_connection != connection) return 0;
            long now = Time.GetTimestamp();
            while (_queue.TryPeek(out Call? call))
            {
                ReadOnlySpan<byte> frame = call.Request.Frame.Span;
                if (frame.Length > buffer.Length - length && length > 0) break;
                _queue.Remove();
                if (call.RetryUntil > 0 && call.RetryUntil <= now) call.EndUnretried(_options.RetryTime);
                if (!call.TryMarkSent())
                {
                    call.Release();
                    continue;
                }
                connection.AddSent(call, now);
                if (call.RetryUntil == 0) call.RetryUntil = call.IsWrite ? now + _retryTicks : long.MaxValue;
                if (frame.Length > buffer.Length)
                {
                    call.AddUse();
                    longCall = call;
                    break;
                }
                frame.CopyTo(buffer[length..]);
                length += frame.Length;
            }
            if (length == 0 && longCall is null) connection.EndSending();
            return length;
        }
    }

    /// <summary>Removes the calls that the next replies belong to from those that a connection has sent.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="calls">Receives the calls.</param>
    /// <param name="works">Whether a reply shows that the server works.</param>
    /// <returns>The number of calls, fewer than requested if fewer were sent.</returns>
    public int TakeSent(Connection connection, Span<Call> calls, bool works)
    {
        lock (_gate)
        {
            // Not earlier: a connection that breaks before its first reply must not be followed by the next one at once, again and again.
            if (works) _backoff.Reset();
            return connection.TakeSent(calls);
        }
    }

    /// <summary>Handles the end of a connection. Its calls without a reply are sent again, before all others, or fail.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="failed">Calls whose replies say that they may be repeated, and that were sent before the others; null for none.</param>
    public void OnBroken(Connection connection, Exception reason, List<Call>? failed = null)
    {
        List<Call> repeated = [], lost = [];
        Connection? sender = null;
        lock (_gate)
        {
            bool isCurrent = _connection == connection;
            if (!isCurrent && failed is null) return;
            foreach (Call call in failed ?? []) Sort(call);
            if (isCurrent)
            {
                Volatile.Write(ref _connection, null);
                _lastFailure = reason;
                while (connection.TryTakeSent(out Call? call)) Sort(call);
            }
            _queue.AddFirst(repeated);
            if (_queue.Count > 0)
            {
                if (!_isSweeping) StartSweeping();
                if (_connection is null) Connect();
                else if (_connection.TryBeginSending(out _)) sender = _connection;
            }
        }
        sender?.Send(onCallerThread: false);
        EndBroken(lost, reason);

        void Sort(Call call)
        {
            if (call.IsEnded) call.Release();
            else if (call.IsRepeatable && !_stopping.IsCancellationRequested) repeated.Add(call);
            else lost.Add(call);
        }
    }

    /// <summary>Returns the failure of a call that was not sent, with the reason why there is no connection.</summary>
    public NotSentException NotSent(string message, Exception? inner = null) => new(WithLastFailure(message), inner ?? Volatile.Read(ref _lastFailure));

    /// <summary>Adds the reason why there is no connection, if there is none.</summary>
    public string WithLastFailure(string message) =>
        Volatile.Read(ref _lastFailure) is { } failure ? $"{message}. The last connection failed: {failure.Message}" : $"{message}.";

    /// <summary>Closes the connection. Calls that have no reply fail.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        Connection? connection;
        lock (_gate) connection = _connection;
        connection?.Break(new ObjectDisposedException(nameof(KestrelKvClient)));
        FailQueued(_ => NotSentException.Disposed());
        _sweeper.Dispose();
    }

    /// <summary>Closes the connection, and waits until an attempt to connect has ended. Calls that have no reply fail.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        Task connecting;
        lock (_gate) connecting = _connecting;
        await connecting.ConfigureAwait(false);
    }

    /// <summary>Whether the last connection or attempt has failed.</summary>
    private bool IsBroken => Volatile.Read(ref _connection) is null && Volatile.Read(ref _lastFailure) is not null;

    private static void EndBroken(List<Call> calls, Exception reason)
    {
        foreach (Call call in calls)
        {
            call.EndBroken(reason);
            call.Release();
        }
    }

    private void Refuse(Call call)
    {
        call.EndUnsent(_stopping.IsCancellationRequested
            ? NotSentException.Disposed()
            : NotSent(MayNotWait));
        call.Release();
    }

    /// <summary>Starts connecting. Requires the gate.</summary>
    private void Connect()
    {
        if (_isConnecting || _stopping.IsCancellationRequested) return;
        _isConnecting = true;

        // The connection outlives the call, whose context and span must not stay with it.
        using (ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow()) _connecting = Task.Run(ConnectAsync);
    }

    private async Task ConnectAsync()
    {
        while (true)
        {
            TimeSpan pause = _backoff.Next() - Time.GetElapsedTime(_lastAttempt);
            if (pause > TimeSpan.Zero) await Task.Delay(pause, Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _lastAttempt = Time.GetTimestamp();
            try
            {
                _stopping.Token.ThrowIfCancellationRequested();
                Stream stream = await _connector.ConnectAsync(_stopping.Token).ConfigureAwait(false);
                Attach(new Connection(this, stream));
                return;
            }
            catch (Exception e)
            {
                if (!ContinuesAfter(e)) return;
            }
        }
    }

    private void Attach(Connection connection)
    {
        lock (_gate)
        {
            _isConnecting = false;
            _lastFailure = null;
            Volatile.Write(ref _connection, connection);
            connection.TryBeginSending(out _);
        }
        connection.Start();
        if (_stopping.IsCancellationRequested) connection.Break(new ObjectDisposedException(nameof(KestrelKvClient)));
    }

    /// <summary>Handles a failed connection attempt.</summary>
    /// <returns>Whether calls still wait for a connection.</returns>
    private bool ContinuesAfter(Exception failure)
    {
        Volatile.Write(ref _lastFailure, failure);

        // A refusal, such as auth_failed, does not pass by waiting.
        if (failure is RefusedException { IsTransient: false } refusal) FailQueued(_ => new RefusedException(refusal));
        else FailQueued(call => call.FailsFast ? NotSent(MayNotWait) : null);
        lock (_gate)
        {
            _queue.RemoveEnded();
            if (_queue.Count > 0 && !_stopping.IsCancellationRequested) return true;
            _isConnecting = false;
            return false;
        }
    }

    /// <summary>Ends the queued calls for which there is an error.</summary>
    private void FailQueued(Func<Call, Exception?> error)
    {
        lock (_gate)
        {
            foreach (Call call in _queue)
                if (!call.IsEnded && error(call) is { } failure) call.EndUnsent(failure);
            _queue.RemoveEnded();
        }
    }

    /// <summary>Starts the timer. Requires the gate.</summary>
    private void StartSweeping()
    {
        _isSweeping = true;
        _sweeper.Change(SweepInterval, SweepInterval);
    }

    /// <summary>Ends late calls and a stalled connection. Runs while there are calls.</summary>
    private void Sweep()
    {
        Connection? stalled = null;
        lock (_gate)
        {
            long now = Time.GetTimestamp();
            foreach (Call call in _queue)
            {
                if (call.Deadline <= now) call.EndLate();
                else if (call.RetryUntil > 0 && call.RetryUntil <= now) call.EndUnretried(_options.RetryTime);
            }
            _queue.RemoveEnded();
            if (_connection is { } connection && connection.CheckSent(now)) stalled = connection;
            if (_queue.Count == 0 && (_connection is null || _connection.SentCount == 0))
            {
                _isSweeping = false;
                _sweeper.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
        stalled?.Break(new IOException($"The connection is stalled: no byte arrived for {StallTimeout.TotalSeconds} seconds (StallTimeout) although replies are due."));
    }
}
