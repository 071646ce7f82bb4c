using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport;

/// <summary>Receives the bytes that a client sends, in one piece of memory.</summary>
/// <remarks>
/// <see cref="_state"/> determines the owner of all other fields. The caller owns them, except while its read waits. The loop then owns
/// them, receives, and returns them when it completes the read. A cancellation that ends the wait takes them over in the same way.
/// <code>
///   Idle       -- a read must wait -->  Waiting  -- the thread that changes the state owns the fields -->  Idle
///   Idle       -- bytes arrive -->  Signalled  -- a read must wait -->  Waiting, and the read requests a turn of the loop
///   Waiting    -- the loop takes it -->  Receiving  -- bytes, end or failure -->  Idle, or Signalled if there may be more
///                                        Receiving  -- nothing -->  Waiting
/// </code>
/// The system reports arriving bytes only once (edge-triggered). Signalled records such a report: there may be bytes. After a receive that
/// left room in the buffer there are none (epoll(7)), and none is tried before the next report.
/// </remarks>
internal sealed class SocketReader(SocketConnection connection) : PipeReader, IValueTaskSource<ReadResult>
{
    private const int Idle = 0;
    private const int Signalled = 1;
    internal const int Waiting = 2;
    private const int Receiving = 3;

    /// <summary>The maximum number of bytes received in one turn. It limits how long a client delays others.</summary>
    private const int TurnBytesMax = 65_536;

    /// <summary>
    /// The limit if half of <see cref="TurnBytesMax"/> is unconsumed. The requests are then large, and smaller receives would move their
    /// bytes repeatedly.
    /// </summary>
    private const int LargeTurnBytesMax = 1_048_576;

    private int _state;
    private int _cancelNext;
    private volatile bool _isEnding;

    private ManualResetValueTaskSourceCore<ReadResult> _wait;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _registration;

    // Unconsumed bytes are in [_start, _end). The caller has examined those before _examined.
    private byte[] _buffer = [];
    private int _start;
    private int _examined;
    private int _end;

    // The size of the next buffer, which follows the sizes of the last receives.
    private int _bufferBytes = BufferPool.BytesMin;
    private bool _isCompleted;
    private Exception? _failure;

    private bool IsCanceled => Volatile.Read(ref _cancelNext) != 0;

    private int Unconsumed => _end - _start;

    /// <summary>Whether a read can complete: with new bytes, the end of the stream, or a failure.</summary>
    private bool IsSatisfied => _end > _examined || _isCompleted || _failure is not null;

    /// <summary>Prepares the reader for another client, after <see cref="Complete"/>.</summary>
    public void Open()
    {
        (_isEnding, _isCompleted, _failure, _cancelNext) = (false, false, null, 0);
        Volatile.Write(ref _state, Idle);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (IsSatisfied || IsCanceled) return new(TakeResult());

        _wait.Reset();
        _cancellation = cancellationToken;
        Wait();
        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static reader => ((SocketReader)reader!).EndWait(), this);
        return new(this, _wait.Version);
    }

    /// <inheritdoc/>
    /// <remarks>Receives if the system has reported bytes.</remarks>
    public override bool TryRead(out ReadResult result)
    {
        if (!IsSatisfied && Interlocked.Exchange(ref _state, Idle) == Signalled && Receive()) Interlocked.Exchange(ref _state, Signalled);
        bool any = IsSatisfied || IsCanceled;
        result = any ? TakeResult() : default;
        return any;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        (_start, _examined) = (consumed.GetInteger(), examined.GetInteger());
        Debug.Assert(_start <= _examined && _examined <= _end, "the positions are within the last read");
        if (_start == _end) ReleaseBuffer();
    }

    /// <inheritdoc/>
    /// <remarks>May be called by any thread. The continuation of a waiting read runs on that thread.</remarks>
    public override void CancelPendingRead()
    {
        Interlocked.Exchange(ref _cancelNext, 1);
        EndWait();
    }

    /// <inheritdoc/>
    /// <remarks>Completes a waiting read, which must not receive from a descriptor or into a buffer that has a new owner.</remarks>
    public override void Complete(Exception? exception = null)
    {
        int state;
        SpinWait spin = default;
        while ((state = Interlocked.CompareExchange(ref _state, Idle, Waiting)) == Receiving) spin.SpinOnce();
        _isCompleted = true;
        ReleaseBuffer();
        if (state == Waiting) CompleteWait();
    }

    /// <summary>Records that the stream has ended, perhaps after unread bytes. Must precede <see cref="OnReadable"/>.</summary>
    public void MarkEnding() => _isEnding = true;

    /// <summary>Handles an event or a turn, on the loop's thread: bytes or the end of the stream may have arrived.</summary>
    public void OnReadable()
    {
        do
        {
            if (Interlocked.CompareExchange(ref _state, Signalled, Idle) != Waiting) return;
        }
        // A cancellation may intervene, and then another wait, which takes this turn.
        while (Interlocked.CompareExchange(ref _state, Receiving, Waiting) != Waiting);

        bool more = Receive();
        if (IsSatisfied)
        {
            Interlocked.Exchange(ref _state, more ? Signalled : Idle);
            CompleteWait();
            return;
        }

        // No other thread reports bytes, so none were signalled meanwhile.
        Interlocked.Exchange(ref _state, Waiting);
        EndWaitIfCanceled();
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        if (_cancellation.CanBeCanceled)
        {
            _registration.Dispose();
            _cancellation = default;
        }
        return _wait.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    /// <summary>Begins a wait, which passes the ownership of the fields to the loop.</summary>
    private void Wait()
    {
        // There may be bytes that the system will not report again, so a turn is requested.
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Signalled)
        {
            Interlocked.Exchange(ref _state, Waiting);
            connection.PostRead();
        }

        EndWaitIfCanceled();
    }

    /// <summary>Ends the wait if the cancellation preceded it.</summary>
    private void EndWaitIfCanceled()
    {
        if (IsCanceled || _cancellation.IsCancellationRequested) EndWait();
    }

    /// <summary>Ends a canceled wait. Has no effect if no read waits. May be called by any thread.</summary>
    private void EndWait()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Waiting) != Waiting) return;
        if (IsSatisfied || IsCanceled) CompleteWait();
        else if (_cancellation.IsCancellationRequested) _wait.SetException(new OperationCanceledException(_cancellation));

        // An earlier read has consumed the cancellation, and this wait belongs to a later one.
        else Wait();
    }

    private void CompleteWait()
    {
        if (_failure is { } failure && !IsCanceled) _wait.SetException(failure);
        else _wait.SetResult(TakeResult());
    }

    private ReadResult TakeResult()
    {
        bool canceled = Interlocked.Exchange(ref _cancelNext, 0) != 0;
        if (_failure is { } failure && !canceled) throw failure;
        return new ReadResult(new ReadOnlySequence<byte>(_buffer, _start, Unconsumed), canceled, _isCompleted);
    }

    /// <summary>Receives once. Returns whether there may be more bytes that the system will not report again.</summary>
    private bool Receive()
    {
        if (connection.AbortReason is { } abortion)
        {
            _failure = abortion;
            return false;
        }

        int bytesMax = Unconsumed >= TurnBytesMax / 2 ? LargeTurnBytesMax : TurnBytesMax;
        try
        {
            MakeRoom();
        }
        catch (OutOfMemoryException e)
        {
            // The failure ends this connection only. Uncaught on the loop's thread, it would end the process.
            _failure = e;
            return false;
        }
        Span<byte> room = _buffer.AsSpan(_end, Math.Min(_buffer.Length - _end, bytesMax));
        int count = Libc.Receive(connection.File, room);
        if (count > 0)
        {
            _end += count;
            bool filled = count == room.Length;
            if (filled) _bufferBytes = Math.Max(_bufferBytes, Math.Min(_bufferBytes * 2, bytesMax));
            else if (count < _bufferBytes / 8) _bufferBytes = Math.Max(_bufferBytes / 2, BufferPool.BytesMin);
            return filled || _isEnding;
        }
        if (count == 0) _isCompleted = true;
        else if (count != -Libc.WouldBlock) _failure = Failure(-count);
        if (Unconsumed == 0) ReleaseBuffer();
        return false;
    }

    /// <summary>
    /// Makes room after the unconsumed bytes, which may move. The buffer grows as bytes arrive: its size depends on the received bytes, not
    /// on the length that a client announces.
    /// </summary>
    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, Unconsumed).CopyTo(_buffer);
            (_start, _examined, _end) = (0, _examined - _start, Unconsumed);
        }
        if (_end < _buffer.Length && _buffer.Length >= _bufferBytes) return;

        // A receive into no room would look like the end of the stream.
        if (_end == Array.MaxLength) throw new InsufficientMemoryException("The unconsumed bytes fill the longest array.");
        byte[] buffer = BufferPool.Rent((int)Math.Clamp(_buffer.Length * 2L, _bufferBytes, Array.MaxLength));
        _buffer.AsSpan(0, _end).CopyTo(buffer);
        BufferPool.Return(_buffer);
        _buffer = buffer;
    }

    private void ReleaseBuffer()
    {
        BufferPool.Return(_buffer);
        _buffer = [];
        _start = _examined = _end = 0;
    }

    private Exception Failure(int error)
    {
        if (connection.AbortReason is { } abortion) return abortion;
        var inner = new SocketException(error switch
        {
            Libc.ConnectionReset => (int)SocketError.ConnectionReset,
            Libc.TimedOut => (int)SocketError.TimedOut,
            _ => error,
        });
        return new ConnectionResetException(inner.Message, inner);
    }
}
