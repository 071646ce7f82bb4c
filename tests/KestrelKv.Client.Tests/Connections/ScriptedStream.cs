using System.Threading.Channels;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>The client's end of a connection to a <see cref="ScriptedServer"/>. A read returns the bytes of one write of the server, never of two.</summary>
internal sealed class ScriptedStream : Stream
{
    private readonly Channel<byte[]> _toClient = Channel.CreateUnbounded<byte[]>();
    private readonly Channel<byte[]> _toServer = Channel.CreateUnbounded<byte[]>();
    private ReadOnlyMemory<byte> _rest;
    private TaskCompletionSource _writable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ScriptedStream() => _writable.SetResult();

    public ChannelWriter<byte[]> ToClient => _toClient.Writer;

    public ChannelReader<byte[]> FromClient => _toServer.Reader;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Makes the writes of the client wait, like a full socket, until the connection breaks. The server still receives their bytes.</summary>
    public void HoldWrites() => _writable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes reads and writes fail.</summary>
    public void Break()
    {
        var broken = new IOException("The connection was cut.");
        _toClient.Writer.TryComplete(broken);
        _toServer.Writer.TryComplete();
        _writable.TrySetException(broken);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            if (!await _toClient.Reader.WaitToReadAsync(cancellationToken)) return 0;
            if (_toClient.Reader.TryRead(out byte[]? next)) _rest = next;
        }
        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_toServer.Writer.TryWrite(buffer.ToArray())) throw new IOException("The connection is closed.");
        await _writable.Task.WaitAsync(cancellationToken);
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
        if (disposing) Break();
        base.Dispose(disposing);
    }
}
