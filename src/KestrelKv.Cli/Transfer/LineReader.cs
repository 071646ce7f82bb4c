using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Transfer;

/// <summary>Reads a stream line by line, and counts lines and bytes. Only a block and one line are in memory.</summary>
/// <param name="stream">The stream, which the caller disposes of.</param>
/// <param name="offset">The offset of the stream's position in the file.</param>
/// <param name="number">The number of lines before it.</param>
internal sealed class LineReader(Stream stream, long offset = 0, long number = 0)
{
    private const int BlockBytes = 1024 * 1024;

    /// <summary>The maximum length of a line, in bytes: more than the largest request of a server with PostgreSQL.</summary>
    private const int LineBytesMax = 512 * 1024 * 1024;

    private byte[] _buffer = new byte[BlockBytes];
    private int _start;
    private int _end;

    /// <summary>The current line without its line feed, valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>The number of the current line, from 1.</summary>
    public long Number { get; private set; } = number;

    /// <summary>The offset of the current line.</summary>
    public long Start { get; private set; } = offset;

    /// <summary>The offset after the current line.</summary>
    public long End { get; private set; } = offset;

    /// <summary>Whether the current line has a line feed. Only the last line of a file may lack it.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Reads the next line.</summary>
    /// <returns>False at the end of the stream.</returns>
    public ValueTask<bool> NextAsync(CancellationToken stop)
    {
        int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
        return length < 0 ? FillAsync(stop) : new(Take(length, isComplete: true));
    }

    private bool Take(int length, bool isComplete)
    {
        Line = _buffer.AsMemory(_start, length);
        int used = length + (isComplete ? 1 : 0);
        (Start, End) = (End, End + used);
        _start += used;
        Number++;
        IsComplete = isComplete;
        return true;
    }

    private async ValueTask<bool> FillAsync(CancellationToken stop)
    {
        while (true)
        {
            int searched = _end - _start;
            MakeRoom();
            // A read of standard input cannot be canceled, only abandoned.
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), stop).AsTask().WaitAsync(stop).ConfigureAwait(false);
            if (read == 0) return searched > 0 && Take(searched, isComplete: false);
            _end += read;
            int found = _buffer.AsSpan(_start + searched, read).IndexOf((byte)'\n');
            if (found >= 0) return Take(searched + found, isComplete: true);
        }
    }

    private void MakeRoom()
    {
        if (_start > 0) _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end < _buffer.Length) return;
        if (_buffer.Length >= LineBytesMax)
            throw CommandFailure.Failed("line_too_long", $"Line {Number + 1} is too long, expected at most {LineBytesMax} bytes");
        Array.Resize(ref _buffer, _buffer.Length * 2);
    }
}
