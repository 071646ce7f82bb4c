using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport;

/// <summary>What a client sends, in one piece of memory.</summary>
/// <remarks>
/// Whose turn it is says <see cref="_state"/>. All other fields are the caller's, but while a read of his waits: then they are the
/// loop's, which receives, and gives them back as it completes the read. A cancellation may end the wait as well; it takes the fields
/// in the same way.
/// <code>
///   Idle       -- a read has to wait -->  Waiting  -- whoever takes it from there has the fields -->  Idle
///   Idle       -- bytes have come -->  Signalled  -- a read has to wait -->  Waiting, and a turn of the loop is asked for
///   Waiting    -- the loop takes it -->  Receiving  -- there is something -->  Idle, or Signalled where there may be more
///                                        Receiving  -- there is nothing -->  Waiting
/// </code>
/// The system tells of bytes once, as they come, hence Signalled: there may be some. After a receive that left room in the
/// buffer there are none (epoll(7), on edge-triggered), and none is tried until the system tells of more.
/// </remarks>
internal sealed class SocketReader(SocketConnection connection) : PipeReader, IValueTaskSource<ReadResult>
{
    private const int Idle = 0;
    private const int Signalled = 1;
    internal const int Waiting = 2;
    private const int Receiving = 3;

    /// <summary>How much one turn receives at the most: so long a client may keep others waiting.</summary>
    private const int TurnBytesMax = 65_536;

    /// <summary>The same where the requests are large, of which so many bytes are few, and which would be moved again and again.</summary>
    private const int LargeTurnBytesMax = 1_048_576;

    private int _state;
    private int _cancelNext;
    private volatile bool _isEnding;

    private ManualResetValueTaskSourceCore<ReadResult> _wait;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _registration;

    // What was received and is not consumed lies from _start to _end; up to _examined the caller has seen it.
    private byte[] _buffer = [];
    private int _start;
    private int _examined;
    private int _end;

    // How large the next buffer is to be, which the client's use of the last ones tells.
    private int _bufferBytes = BufferPool.BytesMin;
    private bool _isCompleted;
    private Exception? _failure;

    private bool IsCanceled => Volatile.Read(ref _cancelNext) != 0;

    private int Unconsumed => _end - _start;

    /// <summary>Whether a read has what it wants, be it a failure.</summary>
    private bool IsSatisfied => _end > _examined || _isCompleted || _failure is not null;

    /// <summary>Prepares it for another client, after <see cref="Complete"/>.</summary>
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
    /// <remarks>Receives, where the system has told of bytes.</remarks>
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
        Debug.Assert(_start <= _examined && _examined <= _end, "positions are those of what was read");
        if (_start == _end) ReleaseBuffer();
    }

    /// <inheritdoc/>
    /// <remarks>May be called by any thread; who waits goes on right there.</remarks>
    public override void CancelPendingRead()
    {
        Interlocked.Exchange(ref _cancelNext, 1);
        EndWait();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A read that still waits completes: it must neither receive into a buffer that is somebody else's by then, nor from a file
    /// that is.
    /// </remarks>
    public override void Complete(Exception? exception = null)
    {
        int state;
        SpinWait spin = default;
        while ((state = Interlocked.CompareExchange(ref _state, Idle, Waiting)) == Receiving) spin.SpinOnce();
        _isCompleted = true;
        ReleaseBuffer();
        if (state == Waiting) CompleteWait();
    }

    /// <summary>The end has come, be it behind bytes; to be called before what tells of it.</summary>
    public void MarkEnding() => _isEnding = true;

    /// <summary>On the loop's thread: bytes have come, or the end of them, or it is this connection's turn. Or nothing.</summary>
    public void OnReadable()
    {
        do
        {
            if (Interlocked.CompareExchange(ref _state, Signalled, Idle) != Waiting) return;
        }
        // A cancellation may come in between, and then another wait: that one has its turn.
        while (Interlocked.CompareExchange(ref _state, Receiving, Waiting) != Waiting);

        bool more = Receive();
        if (IsSatisfied)
        {
            Interlocked.Exchange(ref _state, more ? Signalled : Idle);
            CompleteWait();
            return;
        }

        // Nobody but this thread tells of bytes.
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

    /// <summary>Begins a wait: gives the fields away.</summary>
    private void Wait()
    {
        // There may be bytes, which the system will not tell of again: so a turn is asked for.
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Signalled)
        {
            Interlocked.Exchange(ref _state, Waiting);
            connection.PostRead();
        }

        EndWaitIfCanceled();
    }

    /// <summary>For a cancellation that came before there was a wait to be ended.</summary>
    private void EndWaitIfCanceled()
    {
        if (IsCanceled || _cancellation.IsCancellationRequested) EndWait();
    }

    /// <summary>Ends the wait, if there is one that is canceled.</summary>
    private void EndWait()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Waiting) != Waiting) return;
        if (IsSatisfied || IsCanceled) CompleteWait();
        else if (_cancellation.IsCancellationRequested) _wait.SetException(new OperationCanceledException(_cancellation));

        // An earlier read has taken the cancellation as it completed, and this is the wait of another.
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

    /// <summary>Receives once. Whether there may be more, of which the system will not tell again.</summary>
    private bool Receive()
    {
        if (connection.Abortion is { } abortion)
        {
            _failure = abortion;
            return false;
        }

        int most = Unconsumed >= TurnBytesMax / 2 ? LargeTurnBytesMax : TurnBytesMax;
        try
        {
            MakeRoom();
        }
        catch (OutOfMemoryException e)
        {
            // It is this connection's failure. On the loop's thread nobody would catch it, and all would end.
            _failure = e;
            return false;
        }
        Span<byte> room = _buffer.AsSpan(_end, Math.Min(_buffer.Length - _end, most));
        int count = Libc.Receive(connection.File, room);
        if (count > 0)
        {
            _end += count;
            bool filled = count == room.Length;
            if (filled) _bufferBytes = Math.Max(_bufferBytes, Math.Min(_bufferBytes * 2, most));
            else if (count < _bufferBytes / 8) _bufferBytes = Math.Max(_bufferBytes / 2, BufferPool.BytesMin);
            return filled || _isEnding;
        }
        if (count == 0) _isCompleted = true;
        else if (count != -Libc.WouldBlock) _failure = Failure(-count);
        if (Unconsumed == 0) ReleaseBuffer();
        return false;
    }

    /// <summary>
    /// Leaves room behind what is not consumed, which may move. The buffer grows as bytes come: so memory is taken for what a client
    /// sends, and not for what it says that it will.
    /// </summary>
    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, Unconsumed).CopyTo(_buffer);
            (_start, _examined, _end) = (0, _examined - _start, Unconsumed);
        }
        if (_end < _buffer.Length && _buffer.Length >= _bufferBytes) return;

        // What is received into no room looks like the end of the stream.
        if (_end == Array.MaxLength) throw new InsufficientMemoryException("No array holds what is not consumed.");
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
        if (connection.Abortion is { } abortion) return abortion;
        var inner = new SocketException(error switch
        {
            Libc.ConnectionReset => (int)SocketError.ConnectionReset,
            Libc.TimedOut => (int)SocketError.TimedOut,
            _ => error,
        });
        return new ConnectionResetException(inner.Message, inner);
    }
}
