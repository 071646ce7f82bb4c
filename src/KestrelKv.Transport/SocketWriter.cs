using System.Diagnostics;
using System.IO.Pipelines;
using System.Numerics;
using System.Threading.Tasks.Sources;

namespace KestrelKv.Transport;

/// <summary>Sends bytes to a client.</summary>
/// <remarks>
/// A flush sends immediately. It waits only if the system has no room for all bytes; meanwhile the loop sends.
/// <code>
///   Idle  -- no room -->  Trying  -- still no room -->  Waiting  -- room is reported -->  Trying  -- all bytes are sent -->  Idle
///                         Trying  -- room is reported -->  Signalled: one more attempt before waiting
/// </code>
/// The thread that set Trying owns all other fields; in Idle the caller owns them. Room that is reported in Idle is not recorded, because
/// the next flush tries in any case.
/// </remarks>
internal sealed class SocketWriter(SocketConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private const int Idle = 0;
    private const int Trying = 1;
    private const int Signalled = 2;
    internal const int Waiting = 3;

    /// <summary>The maximum size of a buffer, unless the caller requests more in one piece.</summary>
    private const int BufferBytesMax = 65_536;

    private int _state;
    private ManualResetValueTaskSourceCore<FlushResult> _wait;

    // Unsent bytes: the full buffers, then the buffer being filled, then memory of the caller. _sent bytes of the first of these are sent.
    private readonly Queue<ArraySegment<byte>> _full = [];
    private byte[] _buffer = [];
    private int _used;
    private ReadOnlyMemory<byte> _direct;
    private int _sent;
    private long _unflushed;
    private int _bufferBytes = BufferPool.BytesMin;
    private bool _isBroken;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>Prepares the writer for another client, after <see cref="Complete"/>.</summary>
    public void Open() => _isBroken = false;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length - _used < Math.Max(sizeHint, 1)) Grow(sizeHint);
        return _buffer.AsMemory(_used);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        Debug.Assert(bytes >= 0 && bytes <= _buffer.Length - _used, "more bytes than GetMemory returned");
        _used += bytes;
        _unflushed += bytes;
    }

    /// <inheritdoc/>
    /// <param name="cancellationToken">Checked before anything is sent, but not during the wait.</param>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _bufferBytes = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((ulong)_unflushed), BufferPool.BytesMin, BufferBytesMax);
        _unflushed = 0;
        if (TrySend()) return new(Result());

        _wait.Reset();
        return TrySendOrWait() ? new(Result()) : new(this, _wait.Version);
    }

    /// <inheritdoc/>
    /// <remarks>Sends the bytes without a copy. <paramref name="source"/> must not change until the write has completed.</remarks>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _direct = source;
        return FlushAsync(cancellationToken);
    }

    /// <summary>Not supported. A flush ends when the client has read, the client has disconnected, or the connection is aborted.</summary>
    public override void CancelPendingFlush() => throw new NotSupportedException("Abort the connection to end a flush.");

    /// <inheritdoc/>
    /// <remarks>Completes a waiting flush, which must not send to a descriptor or from buffers that have a new owner.</remarks>
    public override void Complete(Exception? exception = null)
    {
        int state;
        SpinWait spin = default;
        while ((state = Interlocked.CompareExchange(ref _state, Idle, Waiting)) is Trying or Signalled) spin.SpinOnce();
        _isBroken = true;
        ReleaseAll();
        if (state == Waiting) _wait.SetResult(Result());
    }

    /// <summary>Handles an event on the loop's thread: there may be room, or the client has disconnected.</summary>
    public void OnWritable()
    {
        while (true)
        {
            switch (Volatile.Read(ref _state))
            {
                case Waiting when Interlocked.CompareExchange(ref _state, Trying, Waiting) == Waiting:
                    if (TrySendOrWait()) _wait.SetResult(Result());
                    return;
                case Trying when Interlocked.CompareExchange(ref _state, Signalled, Trying) == Trying:
                    return;
                case Idle or Signalled:
                    return;
            }
        }
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private FlushResult Result() => new(isCanceled: false, isCompleted: _isBroken);

    /// <summary>Sends all bytes and returns to Idle. Returns false if it waits, which passes on the ownership of the fields.</summary>
    private bool TrySendOrWait()
    {
        do
        {
            // Room that is reported from now on changes the state to Signalled.
            Interlocked.Exchange(ref _state, Trying);
            if (!TrySend()) continue;
            Interlocked.Exchange(ref _state, Idle);
            return true;
        }
        while (Interlocked.CompareExchange(ref _state, Waiting, Trying) != Trying);
        return false;
    }

    /// <summary>Sends as many bytes as the system has room for. Returns false if some are left.</summary>
    private bool TrySend()
    {
        // After a failure or the end, the descriptor may belong to another connection.
        while (!_isBroken && (_full.Count > 0 || _used > 0 || !_direct.IsEmpty))
        {
            ReadOnlySpan<byte> first = First(out bool more);
            int count = Libc.Send(connection.File, first[_sent..], more);
            if (count == -Libc.WouldBlock) return false;
            if (count < 0)
            {
                // The client has disconnected. The unsent bytes are discarded.
                _isBroken = true;
                continue;
            }
            _sent += count;
            if (_sent == first.Length) ReleaseFirst();
        }
        if (_isBroken) ReleaseAll();
        return true;
    }

    /// <summary>Returns the first unsent piece, and whether more follows it.</summary>
    private ReadOnlySpan<byte> First(out bool more)
    {
        if (_full.TryPeek(out ArraySegment<byte> first))
        {
            more = _full.Count > 1 || _used > 0 || !_direct.IsEmpty;
            return first;
        }
        more = _used > 0 && !_direct.IsEmpty;
        return _used > 0 ? _buffer.AsSpan(0, _used) : _direct.Span;
    }

    private void Grow(int sizeHint)
    {
        // Rented first: if memory is lacking, the unsent bytes must remain unchanged.
        bool isFirst = _full.Count == 0 && _used == 0;
        byte[] buffer = BufferPool.Rent(Math.Max(sizeHint, isFirst ? _bufferBytes : BufferBytesMax));
        if (_used > 0) _full.Enqueue(new(_buffer, 0, _used));
        else BufferPool.Return(_buffer);
        (_buffer, _used) = (buffer, 0);
    }

    private void ReleaseFirst()
    {
        _sent = 0;
        if (_full.TryDequeue(out ArraySegment<byte> first))
        {
            BufferPool.Return(first.Array!);
            return;
        }
        if (_used == 0) _direct = default;
        BufferPool.Return(_buffer);
        _buffer = [];
        _used = 0;
    }

    private void ReleaseAll()
    {
        while (_full.Count > 0 || _buffer.Length > 0) ReleaseFirst();
        _direct = default;
        _sent = 0;
        _unflushed = 0;
    }
}
