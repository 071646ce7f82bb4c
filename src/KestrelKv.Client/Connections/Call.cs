using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using KestrelKv.Client.Requests;
using KestrelKv.Client.Telemetry;

namespace KestrelKv.Client.Connections;

/// <summary>One call, as its lane sees it: a request, the wait for its reply, and the reply.</summary>
/// <remarks>
/// <para>
/// A call has two owners. The lane owns it from <see cref="Lane.Submit"/> until it has called <see cref="Release"/> for each of its uses, the
/// caller until it has the result. It is reused when both are done. So a caller whose deadline passes leaves at once, while the reply that is
/// still due finds its call. A caller that does not await the result keeps the call from being reused, and nothing else.
/// </para>
/// <para>
/// The first of reply, failure, deadline and cancellation that wins <see cref="TryEnd"/> completes the call. One atomic field states whether
/// the request was sent before, so a call that ends as not sent is never sent. The continuation of the caller runs on the thread pool, never
/// on the thread that completes it, and it is the caller that reads the reply.
/// </para>
/// </remarks>
internal abstract class Call
{
    private const int Queued = 0;
    private const int Sent = 1;
    private const int Ended = 2;

    private protected ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private CancellationToken _cancellation;
    private Lane? _lane;
    private RequestSlot _slot;
    private ClientTelemetry.Measurement _measurement;
    private ReusedArray _reply = new(isCleared: true);
    private int _replyLength;
    private int _countedBytes;
    private int _state;
    private int _uses;
    private int _owners;

    public RequestBuffer Request { get; } = new(isCleared: true);

    /// <summary>Whether the request may be sent again after its connection broke.</summary>
    public bool IsRepeatable { get; private set; }

    /// <summary>Whether the call fails if there is no connection.</summary>
    public bool FailsFast { get; private set; }

    /// <summary>The timestamp of the deadline; <see cref="long.MaxValue"/> for none.</summary>
    public long Deadline { get; private set; }

    /// <summary>Whether the request is a write.</summary>
    public bool IsWrite { get; private set; }

    /// <summary>The timestamp from which the request must not be sent again; 0 if it was not sent.</summary>
    public long RetryUntil { get; set; }

    /// <summary>Whether the call has ended. Its request need not be sent.</summary>
    public bool IsEnded => Volatile.Read(ref _state) == Ended;

    /// <summary>The body of the reply, valid until the caller has the result.</summary>
    private protected ReadOnlySpan<byte> Reply => _reply.Array.AsSpan(0, _replyLength);

    /// <summary>Records that the request is about to be sent.</summary>
    /// <returns>False if the call has ended. The request must not be sent.</returns>
    public bool TryMarkSent() => Interlocked.CompareExchange(ref _state, Sent, Queued) != Ended;

    /// <summary>Completes the call with a reply, which is copied.</summary>
    public void EndWith(ReadOnlySpan<byte> reply)
    {
        if (!TryEnd(out _)) return;
        try
        {
            _reply.EnsureLength(reply.Length);
        }
        catch (OutOfMemoryException e)
        {
            // The other calls of the connection must have their replies.
            Fail(new OutcomeUnknownException($"There is no memory for the reply of {reply.Length} bytes.", e));
            return;
        }
        reply.CopyTo(_reply.Array);
        _replyLength = reply.Length;
        _measurement.End(reply);
        Leave();
        _wait.SetResult(true);
    }

    /// <summary>Completes the call because its request cannot be sent. If it was sent before, on another connection, its outcome is unknown.</summary>
    public void EndUnsent(Exception failure)
    {
        if (!TryEnd(out bool wasSent)) return;
        Fail(wasSent ? new OutcomeUnknownException($"The request was sent, and its reply did not arrive. {failure.Message}", failure) : failure);
    }

    /// <summary>Completes the call because the connection that sent its request broke.</summary>
    public void EndBroken(Exception reason)
    {
        if (!TryEnd(out _)) return;
        Fail(new OutcomeUnknownException($"The connection broke before the reply to the request arrived: {reason.Message}", reason));
    }

    /// <summary>Completes the call because the server might no longer recognize its retry.</summary>
    public void EndUnretried(TimeSpan retryTime)
    {
        if (!TryEnd(out _)) return;
        Fail(new OutcomeUnknownException(
            $"The connection broke before the reply to the request arrived, and the request could not be repeated within {retryTime} (RetryTime)."));
    }

    /// <summary>Completes the call because its deadline has passed.</summary>
    public void EndLate()
    {
        if (!TryEnd(out bool wasSent)) return;
        var timeout = new TimeoutException("The deadline of the call has passed.");
        Fail(wasSent
            ? new OutcomeUnknownException(_lane!.WithLastFailure("The deadline passed before the reply to the request arrived"), timeout)
            : _lane!.NotSent("The deadline passed before the request was sent", timeout));
    }

    /// <summary>Begins another use of the lane, which must call <see cref="Release"/>.</summary>
    public void AddUse() => Interlocked.Increment(ref _uses);

    /// <summary>Ends a use of the lane.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _uses) != 0) return;
        _lane!.Leave(_countedBytes);
        Request.Clear();
        EndOwnership();
    }

    /// <summary>Prepares a call of a lane, which it has entered.</summary>
    /// <param name="lane">The lane.</param>
    /// <param name="isWrite">Whether the request is a write.</param>
    /// <param name="retry">How a write is retried.</param>
    /// <param name="failsFast">Whether the call fails if there is no connection.</param>
    /// <param name="deadline">The deadline.</param>
    /// <param name="measurement">The measurement, which the call ends.</param>
    private protected void Begin(
        Lane lane, bool isWrite, WriteRetry retry, bool failsFast, long deadline, in ClientTelemetry.Measurement measurement)
    {
        (_lane, IsWrite, FailsFast, Deadline, _measurement) = (lane, isWrite, failsFast, deadline, measurement);
        IsRepeatable = !isWrite || retry != WriteRetry.AtMostOnce;
        if (isWrite && retry == WriteRetry.ExactlyOnce) _slot = lane.Slots.Take();
        (_uses, _owners) = (1, 2);
    }

    /// <summary>Ends the text of the request: its id and its trace.</summary>
    /// <exception cref="ArgumentException">The request is longer than the limit.</exception>
    private protected void EndRequest()
    {
        RequestText.RequestId(Request, _slot);
        RequestText.End(Request, _measurement.Activity);
    }

    /// <summary>Submits the request.</summary>
    private protected void Submit(CancellationToken cancellationToken)
    {
        _countedBytes = Request.Length;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken;
            _registration = cancellationToken.UnsafeRegister(static s => ((Call)s!).Cancel(), this);
        }
        _lane!.Submit(this);
    }

    /// <summary>Returns a call that was not submitted, because its request is invalid.</summary>
    private protected void Discard()
    {
        Leave();
        Release();
        EndOwnership();
    }

    /// <summary>Ends the ownership of the caller or of the lane.</summary>
    private protected void EndOwnership()
    {
        if (Interlocked.Decrement(ref _owners) != 0) return;
        _wait.Reset();
        (_lane, _cancellation, _registration, _countedBytes, _replyLength, RetryUntil, _state) = (null, default, default, 0, 0, 0, Queued);
        _reply.Clear();
        Reuse();
    }

    /// <summary>Keeps the call for another request.</summary>
    private protected abstract void Reuse();

    /// <summary>Waits for a cancellation that runs at this moment: afterwards, the call may be reused.</summary>
    private protected void EndCancellation() => _registration.Dispose();

    private bool TryEnd(out bool wasSent)
    {
        int before = Interlocked.Exchange(ref _state, Ended);
        wasSent = before == Sent;
        return before != Ended;
    }

    private void Fail(Exception error)
    {
        // The caller may hold the gate of the lane, under which listeners must not run.
        if (_measurement.IsActive)
            ThreadPool.UnsafeQueueUserWorkItem(static ended => ended.Measurement.End(ended.Error), (Measurement: _measurement, Error: error), preferLocal: false);
        Leave();
        _wait.SetException(error);
    }

    /// <summary>Releases the slot, the measurement and the registration of an ended call, even if its caller does not await the result.</summary>
    private void Leave()
    {
        _lane!.Slots.Return(_slot);
        _slot = default;
        _measurement = default;
        _registration.Unregister();
    }

    private void Cancel()
    {
        if (!TryEnd(out bool wasSent)) return;
        KestrelKvException outcome = wasSent
            ? new OutcomeUnknownException("The call was canceled after the request was sent.")
            : new NotSentException("The call was canceled before the request was sent.");
        Fail(new OperationCanceledException(outcome.Message, outcome, _cancellation));
    }
}

/// <summary>One call, as its caller sees it: the source of its result. Instances are reused, so that a call allocates nothing.</summary>
internal sealed class Call<TRequest, TResult> : Call, IValueTaskSource<TResult>
    where TRequest : struct, IRequest<TResult>
{
    private const int PooledMax = 4_096;

    private static readonly ConcurrentQueue<Call<TRequest, TResult>> Pool = new();
    private static int s_pooled;

    private TRequest _request;
    private int _isTaken;

    private Call()
    {
    }

    /// <summary>Submits a request to a lane, which the call has entered.</summary>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing is sent, and the call has left the lane.</exception>
    public static ValueTask<TResult> Send(
        in TRequest request, Lane lane, KestrelKvClientOptions options, long deadline, in ClientTelemetry.Measurement measurement,
        CancellationToken cancellationToken)
    {
        if (Pool.TryDequeue(out Call<TRequest, TResult>? call)) Interlocked.Decrement(ref s_pooled);
        else call = new();
        CallSettings settings = request.Settings;
        call.Begin(lane, TRequest.IsWrite, settings.Retry ?? options.Retry, settings.FailFast ?? options.FailFast, deadline, measurement);
        try
        {
            RequestText.Begin(call.Request, settings.Function ?? TRequest.Function, options);
            request.Write(call.Request, options);
            call.EndRequest();
        }
        catch
        {
            call.Discard();
            throw;
        }
        call._request = request;
        short version = call._wait.Version;
        call.Submit(cancellationToken);
        return new(call, version);
    }

    private protected override void Reuse()
    {
        (_request, _isTaken) = (default, 0);
        if (Volatile.Read(ref s_pooled) >= PooledMax) return;
        Interlocked.Increment(ref s_pooled);
        Pool.Enqueue(this);
    }

    TResult IValueTaskSource<TResult>.GetResult(short token)
    {
        // A caller that awaits twice must not disturb the call that reuses this object, or end the ownership of the lane.
        if (_wait.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("The call has not ended. Await its ValueTask, or convert it with AsTask.");
        if (Interlocked.Exchange(ref _isTaken, 1) != 0)
            throw new InvalidOperationException("The ValueTask was awaited twice. Convert it with AsTask to await it more often.");
        try
        {
            _wait.GetResult(token);
            return _request.Read(Reply);
        }
        finally
        {
            EndCancellation();
            EndOwnership();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TResult>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<TResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);
}
