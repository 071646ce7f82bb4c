using System.Text;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>Runs a step of the test before a client sends a request that contains a word.</summary>
/// <param name="connect">Opens a connection.</param>
/// <param name="word">The word.</param>
internal sealed class RequestGate(Func<CancellationToken, ValueTask<Stream>> connect, string word)
{
    private readonly byte[] _word = Encoding.UTF8.GetBytes($"\"{word}\"");

    /// <summary>The number of such requests.</summary>
    public int Requests { get; private set; }

    /// <summary>The step; null for none.</summary>
    public Func<Task>? BeforeRequest { get; set; }

    public async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken) => new GateStream(this, await connect(cancellationToken));

    private sealed class GateStream(RequestGate gate, Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Span.IndexOf(gate._word) >= 0)
            {
                gate.Requests++;
                if (gate.BeforeRequest is { } step) await step();
            }
            await inner.WriteAsync(buffer, cancellationToken);
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
