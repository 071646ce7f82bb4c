using System.Diagnostics;
using System.IO.Pipelines;
using System.Numerics;
using System.Threading.Tasks.Sources;

namespace KestrelKv.Transport;

/// <summary>What a client is sent.</summary>
/// <remarks>
/// A flush sends right away. Only where the system has no room for all of it, it waits; meanwhile the loop sends.
/// <code>
///   Idle  -- no room -->  Trying  -- still none -->  Waiting  -- the loop is told of room -->  Trying  -- all is sent -->  Idle
///                         Trying  -- the loop is told of room -->  Signalled, so that it is tried once more before waiting
/// </code>
/// Who has taken it to Trying has all other fields; in Idle they are the caller's. Room of which the system tells while there is
/// nothing to be sent is not remembered: the next flush tries anyway.
/// </remarks>
internal sealed class SocketWriter(SocketConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private const int Idle = 0;
    private const int Trying = 1;
    private const int Signalled = 2;
    internal const int Waiting = 3;

    /// <summary>The largest buffer, but for what is asked for in one piece.</summary>
    private const int BufferBytesMax = 65_536;

    private int _state;
    private ManualResetValueTaskSourceCore<FlushResult> _wait;

    // What is to be sent: the full buffers, the one that is being filled, then memory of the caller's own; of the first one, what was
    // sent already.
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

    /// <summary>Prepares it for another client, after <see cref="Complete"/>.</summary>
    public void Open() => _isBroken = false;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length - _used < Math.Max(sizeHint, 1)) Grow(sizeHint);
        return _buffer.AsMemory(_used);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        Debug.Assert(bytes >= 0 && bytes <= _buffer.Length - _used, "no more was got");
        _used += bytes;
        _unflushed += bytes;
    }

    /// <inheritdoc/>
    /// <param name="cancellationToken">Is looked at before anything is sent, and not any more while it waits.</param>
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
    /// <remarks>
    /// The bytes are sent from where they are, without a copy: <paramref name="source"/> must stay as it is until the write has completed.
    /// </remarks>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _direct = source;
        return FlushAsync(cancellationToken);
    }

    /// <summary>Not supported: a flush ends when the client has read, or is gone, or the connection is aborted.</summary>
    public override void CancelPendingFlush() => throw new NotSupportedException("to end a flush, abort the connection");

    /// <inheritdoc/>
    /// <remarks>
    /// A flush that still waits completes: it must neither send from buffers that are somebody else's by then, nor to a file that is.
    /// </remarks>
    public override void Complete(Exception? exception = null)
    {
        int state;
        SpinWait spin = default;
        while ((state = Interlocked.CompareExchange(ref _state, Idle, Waiting)) is Trying or Signalled) spin.SpinOnce();
        _isBroken = true;
        ReleaseAll();
        if (state == Waiting) _wait.SetResult(Result());
    }

    /// <summary>On the loop's thread: there may be room, or nobody any more to send to.</summary>
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

    /// <summary>Sends all, and is idle then. False where it waits, and the fields are given away.</summary>
    private bool TrySendOrWait()
    {
        do
        {
            // Room that there is from now on is told of to who tries.
            Interlocked.Exchange(ref _state, Trying);
            if (!TrySend()) continue;
            Interlocked.Exchange(ref _state, Idle);
            return true;
        }
        while (Interlocked.CompareExchange(ref _state, Waiting, Trying) != Trying);
        return false;
    }

    /// <summary>Sends what the system has room for. False where something is left.</summary>
    private bool TrySend()
    {
        // Once it is broken the file may be another connection's.
        while (!_isBroken && (_full.Count > 0 || _used > 0 || !_direct.IsEmpty))
        {
            ReadOnlySpan<byte> first = First(out bool more);
            int count = Libc.Send(connection.File, first[_sent..], more);
            if (count == -Libc.WouldBlock) return false;
            if (count < 0)
            {
                // There is nobody any more. What there was to be sent is forgotten.
                _isBroken = true;
                continue;
            }
            _sent += count;
            if (_sent == first.Length) ReleaseFirst();
        }
        if (_isBroken) ReleaseAll();
        return true;
    }

    /// <summary>What is to be sent first, and whether more follows it.</summary>
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
        // First of all, as there may be no memory: what there is to be sent must stay as it is then.
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
