using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tls;

/// <summary>Decrypts the bytes that a client sends, into one piece of memory.</summary>
/// <remarks>
/// A read waits for the transport, never for the <see cref="SslStream"/>, which receives whole records only. Canceling a read therefore
/// cancels the transport's read, without an exception. While no bytes are unconsumed, the reader holds no buffer, unless the last records
/// had no data (a change of keys): a read of the stream then waits with the buffer.
/// </remarks>
internal sealed class TlsReader(PipeReader transport, SslStream tls, RecordStream records) : PipeReader
{
    /// <summary>The maximum length of the text of a record, in bytes (RFC 8446, 5.1).</summary>
    private const int RecordTextBytesMax = 16_384;

    // Unconsumed bytes are in [_start, _end). The caller has examined those before _examined.
    private byte[] _buffer = [];
    private int _start;
    private int _examined;
    private int _end;
    private bool _isCompleted;

    // A read of the stream that waits for a record with data. It writes to _buffer from _end on.
    private ValueTask<int>? _pending;

    /// <exception cref="ConnectionResetException">The client has disconnected, or has sent an invalid record.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (_end == _examined && !_isCompleted)
        {
            ReadResult read = await transport.ReadAsync(cancellationToken);
            Take(read);
            if (read.IsCanceled) return Result(isCanceled: true);
        }
        return Result(isCanceled: false);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        bool isCanceled = false;
        while (_end == _examined && !_isCompleted && !isCanceled && transport.TryRead(out ReadResult read))
        {
            Take(read);
            isCanceled = read.IsCanceled;
        }
        bool any = _end > _examined || _isCompleted || isCanceled;
        result = any ? Result(isCanceled) : default;
        return any;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        (_start, _examined) = (consumed.GetInteger(), examined.GetInteger());
        Debug.Assert(_start <= _examined && _examined <= _end, "the positions are within the last read");
        if (_start == _end) ReleaseBuffer();
    }

    public override void CancelPendingRead() => transport.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        _isCompleted = true;
        ReleaseBuffer();
    }

    /// <summary>Decrypts the whole records of a read, and returns the other bytes to the transport.</summary>
    private void Take(in ReadResult read)
    {
        SequencePosition end = read.Buffer.Start;
        try
        {
            long length = RecordStream.WholeRecords(read.Buffer);
            end = read.Buffer.GetPosition(length);
            if (length > 0 || read.IsCompleted) Decrypt(read.Buffer.Slice(0, length), read.IsCompleted);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or InvalidDataException or InvalidOperationException)
        {
            throw new ConnectionResetException($"TLS failed: {e.Message}", e);
        }
        finally
        {
            transport.AdvanceTo(end, read.Buffer.End);
        }
    }

    private void Decrypt(in ReadOnlySequence<byte> whole, bool hasEnded)
    {
        records.Feed(whole, hasEnded);
        do
        {
            // The text of records is shorter than they are. A read that waits needs room for the text of any one record.
            if (_pending is null) MakeRoom((int)Math.Max(whole.Length, RecordTextBytesMax));
            ValueTask<int> reading = _pending ?? tls.ReadAsync(_buffer.AsMemory(_end));
            _pending = reading.IsCompleted ? null : reading;
            if (_pending is not null) return;

            int count = reading.GetAwaiter().GetResult();
            if (count == 0) _isCompleted = true;
            _end += count;
        }
        while ((records.HasMore || _end == _buffer.Length) && !_isCompleted); // A read that fills its room may leave text in the stream.
    }

    /// <summary>Makes room after the unconsumed bytes, which may move.</summary>
    private void MakeRoom(int bytes)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _examined, _end) = (0, _examined - _start, _end - _start);
        }
        if (_buffer.Length - _end >= bytes) return;
        if ((long)_end + bytes > Array.MaxLength) throw new InvalidDataException("the unconsumed bytes fill the longest array");
        long wanted = _end == 0 ? bytes : Math.Max(_buffer.Length * 2L, _end + bytes);
        byte[] buffer = BufferPool.Rent((int)Math.Min(wanted, Array.MaxLength));
        _buffer.AsSpan(0, _end).CopyTo(buffer);
        BufferPool.Return(_buffer);
        _buffer = buffer;
    }

    private void ReleaseBuffer()
    {
        // A waiting read still writes to the buffer. The garbage collector takes it if the connection ends meanwhile.
        if (_pending is not null) return;
        BufferPool.Return(_buffer);
        _buffer = [];
        _start = _examined = _end = 0;
    }

    private ReadResult Result(bool isCanceled) =>
        new(new ReadOnlySequence<byte>(_buffer, _start, _end - _start), isCanceled, _isCompleted);
}
