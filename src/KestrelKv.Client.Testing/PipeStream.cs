using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Client.Testing;

/// <summary>The client's end of a connection in memory, which behaves like a socket's stream. One read and one write at a time.</summary>
/// <remarks>
/// <see cref="_lock"/> protects the states of the reader and the writer: a pipe must not be completed while it is used. If a read is in
/// progress when the stream closes, the read completes the reader.
/// </remarks>
internal sealed class PipeStream(PipeReader reader, PipeWriter writer) : Stream
{
    private readonly Lock _lock = new();
    private bool _isReading;
    private bool _isClosed;
    private bool _isBroken;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Breaks the connection: reads and writes of both ends fail. Thread-safe.</summary>
    public void Break() => Close(new ConnectionResetException("The connection was broken."));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            _isReading = true;
        }
        try
        {
            while (true)
            {
                ReadResult read = await reader.ReadAsync(cancellationToken);
                lock (_lock)
                {
                    ThrowIfClosed();
                    // The sequence is invalid once the reader has advanced.
                    int count = (int)Math.Min(buffer.Length, read.Buffer.Length);
                    ReadOnlySequence<byte> received = read.Buffer.Slice(0, count);
                    received.CopyTo(buffer.Span);
                    reader.AdvanceTo(received.End);
                    if (count > 0 || read.IsCompleted || buffer.IsEmpty) return count;
                }
            }
        }
        finally
        {
            lock (_lock)
            {
                _isReading = false;
                if (_isClosed) reader.Complete();
            }
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ValueTask<FlushResult> flush;
        lock (_lock)
        {
            ThrowIfClosed();
            writer.Write(buffer.Span);
            flush = writer.FlushAsync(cancellationToken);
        }
        FlushResult result = await flush;
        lock (_lock) ThrowIfClosed();
        if (result.IsCompleted) throw new IOException("The server has closed the connection.");
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
        // Every write is flushed.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The stream is asynchronous.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("The stream is asynchronous.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) Close(null);
        base.Dispose(disposing);
    }

    /// <summary>Closes both directions.</summary>
    /// <param name="error">What the server's read throws; null for the end of the stream.</param>
    private void Close(Exception? error)
    {
        lock (_lock)
        {
            if (_isClosed) return;
            (_isClosed, _isBroken) = (true, error is not null);
            writer.Complete(error);
            if (_isReading) reader.CancelPendingRead();
            else reader.Complete();
        }
    }

    private void ThrowIfClosed()
    {
        if (_isBroken) throw new IOException("The connection was broken.");
        ObjectDisposedException.ThrowIf(_isClosed, this);
    }
}
