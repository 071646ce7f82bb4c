namespace KestrelKv.Json;

/// <summary>A buffer for the text that an edit writes. The caller owns it.</summary>
/// <remarks>
/// An idle buffer holds no array, and arrays above 1 MiB are not pooled, so no thread retains the text of a large document. Not
/// thread-safe.
/// </remarks>
public sealed class EditBuffer : IDisposable
{
    [ThreadStatic]
    private static EditBuffer? idle;

    private byte[] _bytes = [];

    /// <summary>The number of bytes written.</summary>
    public int WrittenCount { get; private set; }

    /// <summary>The text, valid until the buffer is cleared or written to.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, WrittenCount);

    /// <inheritdoc cref="WrittenMemory"/>
    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, WrittenCount);

    /// <summary>Returns the thread's idle buffer, or a new one.</summary>
    public static EditBuffer Rent()
    {
        EditBuffer buffer = idle ?? new();
        idle = null;
        return buffer;
    }

    /// <summary>Discards the text and releases its array.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0) ScratchArrays.Return(_bytes);
        _bytes = [];
        WrittenCount = 0;
    }

    /// <summary>Clears the buffer and makes it the thread's idle one.</summary>
    public void Dispose()
    {
        Clear();
        idle = this;
    }

    /// <summary>
    /// Returns at least <paramref name="bytes"/> bytes of memory, beginning with <paramref name="kept"/> bytes of the previous memory.
    /// </summary>
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

    /// <summary>Sets the length of the text.</summary>
    internal void Finish(int bytes) => WrittenCount = bytes;
}
