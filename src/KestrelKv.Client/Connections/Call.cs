using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client.Connections;

/// <summary>One call: a request, the wait for its reply, and the reply. Instances are reused.</summary>
/// <remarks>
/// <para>
/// A call has two owners: its caller, and the lane from <see cref="Lane.Submit"/> until the lane needs the request no more. It is reused
/// when both have called <see cref="Release"/>. So a caller whose deadline passes leaves at once, while the reply that is still due finds
/// its call.
/// </para>
/// <para>
/// The first of reply, failure, deadline and cancellation that wins <see cref="TryEnd"/> completes the call. One atomic field states whether
/// the request was sent before, so a call that ends as not sent is never sent. The continuation of the caller runs on the thread pool, never
/// on the thread that completes it.
/// </para>
/// </remarks>
internal sealed class Call : IValueTaskSource, IThreadPoolWorkItem
{
    private const int Queued = 0;
    private const int Sent = 1;
    private const int Ended = 2;
    private const int PooledMax = 4_096;
    private const int KeptReplyBytesMax = 4_096;

    private static readonly ConcurrentQueue<Call> Pool = new();
    private static int s_pooled;

    private ManualResetValueTaskSourceCore<bool> _wait;
    private CancellationTokenRegistration _registration;
    private CancellationToken _cancellation;
    private Exception? _error;
    private Lane? _lane;
    private byte[] _reply = [];
    private int _replyLength;
    private int _countedBytes;
    private int _state;
    private int _owners;

    private Call()
    {
    }

    public RequestBuffer Request { get; } = new();

    /// <summary>Whether the request may be sent again after its connection broke.</summary>
    public bool IsRepeatable { get; set; }

    /// <summary>Whether the call fails if there is no connection.</summary>
    public bool FailsFast { get; set; }

    /// <summary>The timestamp of the deadline; <see cref="long.MaxValue"/> for none.</summary>
    public long Deadline { get; set; }

    /// <summary>Whether the request is a write.</summary>
    public bool IsWrite { get; set; }

    /// <summary>The timestamp from which the request must not be sent again; 0 if it was not sent.</summary>
    public long RetryUntil { get; set; }

    /// <summary>Whether the call has ended. Its request need not be sent.</summary>
    public bool IsEnded => Volatile.Read(ref _state) == Ended;

    /// <summary>The body of the reply, valid until <see cref="Release"/>.</summary>
    public ReadOnlySpan<byte> Reply => _reply.AsSpan(0, _replyLength);

    /// <summary>Returns a call of a lane, which has been entered and is left with the last release.</summary>
    public static Call Rent(Lane lane)
    {
        if (Pool.TryDequeue(out Call? call)) Interlocked.Decrement(ref s_pooled);
        else call = new();
        call._lane = lane;
        call._owners = 1;
        return call;
    }

    /// <summary>Submits the request. The caller awaits the result, then reads <see cref="Reply"/>.</summary>
    public ValueTask SendAsync(CancellationToken cancellationToken)
    {
        _countedBytes = Request.Length;
        _owners = 2;
        _cancellation = cancellationToken;
        _lane!.Submit(this);
        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static s => ((Call)s!).Cancel(), this);
        return new(this, _wait.Version);
    }

    /// <summary>Records that the request is about to be sent.</summary>
    /// <returns>False if the call has ended. The request must not be sent.</returns>
    public bool TryMarkSent() => Interlocked.CompareExchange(ref _state, Sent, Queued) != Ended;

    /// <summary>Completes the call with a reply, which is copied.</summary>
    public void EndWith(ReadOnlySpan<byte> reply)
    {
        if (!TryEnd(out _)) return;
        if (_reply.Length < reply.Length) _reply = new byte[Math.Max(reply.Length, 256)];
        reply.CopyTo(_reply);
        _replyLength = reply.Length;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
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
            ? new OutcomeUnknownException("The deadline passed before the reply to the request arrived.", timeout)
            : _lane!.NotSent("The deadline passed before the request was sent", timeout));
    }

    /// <summary>Adds an owner, which must call <see cref="Release"/>. The caller of this method is an owner.</summary>
    public void AddOwner() => Interlocked.Increment(ref _owners);

    /// <summary>Ends the ownership of the caller or of the lane.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _owners) != 0) return;
        _lane!.Leave(_countedBytes);
        Request.Clear();
        _wait.Reset();
        (_lane, _error, _cancellation, _countedBytes, _replyLength, RetryUntil, _state) = (null, null, default, 0, 0, 0, Queued);
        if (_reply.Length > KeptReplyBytesMax) _reply = [];
        if (Volatile.Read(ref s_pooled) >= PooledMax) return;
        Interlocked.Increment(ref s_pooled);
        Pool.Enqueue(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (_error is { } error) _wait.SetException(error);
        else _wait.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token)
    {
        // Waits for a cancellation that runs at this moment: afterwards the call may be reused.
        _registration.Dispose();
        _registration = default;
        _wait.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private bool TryEnd(out bool wasSent)
    {
        int before = Interlocked.Exchange(ref _state, Ended);
        wasSent = before == Sent;
        return before != Ended;
    }

    private void Fail(Exception error)
    {
        _error = error;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
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
