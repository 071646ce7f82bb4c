namespace KestrelKv.Cli.Hosting;

/// <summary>
/// A standard stream that can fail: its reader ends, or its disk is full. The first failure of standard output is thrown, and later writes are
/// discarded, so that the end of the command does not fail again. Standard error has no place for a report, so that its failures are discarded.
/// </summary>
/// <param name="to">The stream.</param>
/// <param name="isError">Whether it is standard error.</param>
internal sealed class ReportedStream(Stream to, bool isError) : Stream
{
    private volatile bool _isBroken;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="ClosedOutputException">The reader of standard output has ended.</exception>
    /// <exception cref="IOException">Standard output cannot be written.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_isBroken) return;
        try
        {
            to.Write(buffer);
        }
        catch (IOException e)
        {
            _isBroken = true;
            if (isError) return;
            if (e.HResult == 32 || e.Message.Contains("Broken pipe", StringComparison.Ordinal)) throw new ClosedOutputException(e);
            throw new IOException($"The standard output cannot be written: {e.Message}", e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // The streams of the system have no buffer.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>The reader of standard output, such as <c>head</c>, has ended: it has what it needs.</summary>
internal sealed class ClosedOutputException(IOException inner) : IOException("The reader of the standard output has ended", inner);
