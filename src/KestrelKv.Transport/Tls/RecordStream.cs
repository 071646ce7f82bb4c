using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace KestrelKv.Transport.Tls;

/// <summary>
/// The encrypted side of an <see cref="System.Net.Security.SslStream"/>: passes TLS records from a pipe to it, and its bytes to the pipe.
/// </summary>
/// <remarks>
/// <para>
/// During the handshake, a read returns bytes of one record. Bytes that follow the handshake therefore stay in the pipe, and the stream
/// holds none of them. The computations of a handshake run on the thread pool, in one of a limited number of slots; a handshake that
/// waits for its client holds no slot.
/// </para>
/// <para>
/// After the handshake, <see cref="Feed"/> passes whole records. Reads take them at once. A read that finds none waits for the next call,
/// which completes it on its own thread.
/// </para>
/// </remarks>
internal sealed class RecordStream(IDuplexPipe pipe, HandshakeSlots slots) : Stream, IValueTaskSource<int>
{
    /// <summary>The types of records: change_cipher_spec, alert, handshake, application_data, heartbeat.</summary>
    private const byte TypeMin = 20;
    private const byte TypeMax = 24;

    /// <summary>The length of a record's header: type, version (2 bytes), length of the body (2 bytes).</summary>
    private const int HeaderBytes = 5;

    private const int LengthAt = 3;

    /// <summary>The maximum length of a record's body: 2^14 + 2,048 bytes (RFC 5246, 6.2.3).</summary>
    private const int BodyBytesMax = 16_384 + 2_048;

    private ManualResetValueTaskSourceCore<int> _wait;
    private bool _isWaiting;
    private Memory<byte> _room;
    private ReadOnlySequence<byte> _fed;
    private bool _hasEnded;
    private bool _isOpen;
    private bool _hasSlot;

    // The bytes of the current record of the handshake that have not been returned yet.
    private long _recordRest;

    /// <summary>Whether a read would return at once.</summary>
    public bool HasMore => !_fed.IsEmpty || _hasEnded;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Returns the length of the whole records at the front of a buffer.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a record, or a record is longer than permitted.</exception>
    public static long WholeRecords(in ReadOnlySequence<byte> buffer, int recordsMax = int.MaxValue)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (!buffer.IsEmpty && buffer.FirstSpan[0] is < TypeMin or > TypeMax)
            throw new InvalidDataException($"the first byte is {buffer.FirstSpan[0]}, expected a TLS record");
        long length = 0;
        for (int i = 0; i < recordsMax && buffer.Length - length >= HeaderBytes; i++)
        {
            buffer.Slice(length, HeaderBytes).CopyTo(header);
            int body = BinaryPrimitives.ReadUInt16BigEndian(header[LengthAt..]);
            if (body > BodyBytesMax) throw new InvalidDataException($"a TLS record has {body} bytes, expected at most {BodyBytesMax}");
            if (buffer.Length - length < HeaderBytes + body) break;
            length += HeaderBytes + body;
        }
        return length;
    }

    /// <summary>Ends the handshake.</summary>
    public void Open() => _isOpen = true;

    /// <summary>Passes whole records, and the end of the stream. They must be read before they change.</summary>
    public void Feed(in ReadOnlySequence<byte> records, bool hasEnded)
    {
        (_fed, _hasEnded) = (records, hasEnded);
        if (!_isWaiting || !HasMore) return;
        _isWaiting = false;
        _wait.SetResult(Take(_room.Span));
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_isOpen) return ReadHandshakeAsync(buffer, cancellationToken);
        if (HasMore || buffer.IsEmpty) return new(Take(buffer.Span));
        _wait.Reset();
        (_room, _isWaiting) = (buffer, true);
        return new ValueTask<int>(this, _wait.Version);
    }

    /// <summary>Appends to the pipe. After the handshake, the caller flushes it.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        pipe.Output.Write(buffer.Span);
        return _isOpen ? default : FlushHandshakeAsync(cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private int Take(Span<byte> room)
    {
        int count = (int)Math.Min(room.Length, _fed.Length);
        _fed.Slice(0, count).CopyTo(room);
        _fed = _fed.Slice(count);
        return count;
    }

    private async ValueTask<int> ReadHandshakeAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        bool isNew = _recordRest == 0;
        while (true)
        {
            if (!pipe.Input.TryRead(out ReadResult read))
            {
                ReleaseSlot();
                read = await pipe.Input.ReadAsync(cancellationToken);
            }
            if (isNew) _recordRest = FirstRecord(read.Buffer);
            if (_recordRest == 0)
            {
                pipe.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (read.IsCompleted) return 0;
                continue;
            }
            int count = (int)Math.Min(_recordRest, buffer.Length);
            read.Buffer.Slice(0, count).CopyTo(buffer.Span);

            // Only the taken bytes are marked as examined, so the next read returns the others at once.
            pipe.Input.AdvanceTo(read.Buffer.GetPosition(count));
            _recordRest -= count;
            if (!_hasSlot)
            {
                await slots.TakeAsync(cancellationToken);
                _hasSlot = true;
            }
            return count;
        }
    }

    private long FirstRecord(in ReadOnlySequence<byte> buffer)
    {
        try
        {
            return WholeRecords(buffer, recordsMax: 1);
        }
        catch (InvalidDataException)
        {
            pipe.Input.AdvanceTo(buffer.End);
            throw;
        }
    }

    private async ValueTask FlushHandshakeAsync(CancellationToken cancellationToken) => await pipe.Output.FlushAsync(cancellationToken);

    /// <summary>Releases the slot if the handshake holds it.</summary>
    public void ReleaseSlot()
    {
        if (_hasSlot) slots.Release();
        _hasSlot = false;
    }
}
