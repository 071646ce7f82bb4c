using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tls;

/// <summary>Encrypts bytes for a client.</summary>
/// <remarks>A flush encrypts all bytes, appends them to the transport, and completes when the transport's flush does.</remarks>
internal sealed class TlsWriter(PipeWriter transport, SslStream tls) : PipeWriter
{
    /// <summary>The size of a buffer, unless the caller requests more in one piece: a record's text.</summary>
    private const int BufferBytes = 16_384;

    // Unflushed bytes: the full buffers, then the buffer being filled.
    private readonly Queue<ArraySegment<byte>> _full = [];
    private byte[] _buffer = [];
    private int _used;
    private long _unflushed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

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

    /// <exception cref="ConnectionResetException">TLS has failed.</exception>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        WriteAsync(default, cancellationToken);

    /// <exception cref="ConnectionResetException">TLS has failed.</exception>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (_full.TryDequeue(out ArraySegment<byte> first))
        {
            Encrypt(first);
            BufferPool.Return(first.Array!);
        }
        Encrypt(_buffer.AsMemory(0, _used));
        Encrypt(source);
        ReleaseBuffer();
        _unflushed = 0;
        return transport.FlushAsync(cancellationToken);
    }

    /// <summary>Not supported. A flush ends when the client has read, the client has disconnected, or the connection is aborted.</summary>
    public override void CancelPendingFlush() => throw new NotSupportedException("Abort the connection to end a flush.");

    public override void Complete(Exception? exception = null)
    {
        while (_full.TryDequeue(out ArraySegment<byte> first)) BufferPool.Return(first.Array!);
        ReleaseBuffer();
    }

    private void Encrypt(ReadOnlyMemory<byte> text)
    {
        if (text.IsEmpty) return;
        try
        {
            // Complete at once, because the records are only appended to the transport.
            ValueTask writing = tls.WriteAsync(text);
            Debug.Assert(writing.IsCompleted, "the stream writes to memory");
            writing.GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is IOException or AuthenticationException or InvalidOperationException)
        {
            throw new ConnectionResetException($"TLS failed: {e.Message}", e);
        }
    }

    private void Grow(int sizeHint)
    {
        byte[] buffer = BufferPool.Rent(Math.Max(sizeHint, BufferBytes));
        if (_used > 0) _full.Enqueue(new(_buffer, 0, _used));
        else BufferPool.Return(_buffer);
        (_buffer, _used) = (buffer, 0);
    }

    private void ReleaseBuffer()
    {
        BufferPool.Return(_buffer);
        _buffer = [];
        _used = 0;
    }
}
