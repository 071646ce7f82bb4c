namespace KestrelKv.Json;

/// <summary>The text that an edit writes. The caller owns it.</summary>
/// <remarks>
/// An idle buffer holds no array, and arrays above 1 MiB are not pooled: no thread keeps the text of a large document. Not for use
/// by two threads at once.
/// </remarks>
public sealed class EditBuffer : IDisposable
{
    [ThreadStatic]
    private static EditBuffer? idle;

    private byte[] _bytes = [];

    /// <summary>The number of bytes written.</summary>
    public int WrittenCount { get; private set; }

    /// <summary>The text. Valid until the buffer is cleared or written to.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, WrittenCount);

    /// <inheritdoc cref="WrittenMemory"/>
    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, WrittenCount);

    /// <summary>Takes the thread's idle buffer, or a new one.</summary>
    public static EditBuffer Rent()
    {
        EditBuffer buffer = idle ?? new();
        idle = null;
        return buffer;
    }

    /// <summary>Discards the text, and returns its array.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0) ScratchArrays.Return(_bytes);
        _bytes = [];
        WrittenCount = 0;
    }

    /// <summary>Clears the buffer, which is the thread's idle one from then on.</summary>
    public void Dispose()
    {
        Clear();
        idle = this;
    }

    /// <summary>Returns room for a text, which begins with the first bytes of the room before it.</summary>
    /// <param name="bytes">The least size of the room.</param>
    /// <param name="kept">The number of bytes that are kept.</param>
    internal Span<byte> Room(int bytes, int kept)
    {
        if (bytes > _bytes.Length)
        {
            byte[] larger = ScratchArrays.Rent<byte>(bytes);
            _bytes.AsSpan(0, kept).CopyTo(larger);
            Clear();
            _bytes = larger;
        }
        return _bytes;
    }

    /// <summary>Makes the first bytes of the room the text.</summary>
    internal void Finish(int bytes) => WrittenCount = bytes;
}
