namespace KestrelKv.Json;

/// <summary>The text that an edit writes. The caller owns it.</summary>
/// <remarks>
/// <see cref="Clear"/> returns the array, so that an idle buffer holds none: a buffer may be kept for reuse. Arrays above 1 MiB are
/// not pooled. Not for use by two threads at once.
/// </remarks>
public sealed class EditBuffer : IDisposable
{
    private byte[] _bytes = [];

    /// <summary>The number of bytes written.</summary>
    public int WrittenCount { get; private set; }

    /// <summary>The text. Valid until the buffer is cleared or written to.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, WrittenCount);

    /// <inheritdoc cref="WrittenMemory"/>
    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, WrittenCount);

    /// <summary>Replaces the text by a copy of another one.</summary>
    public void Set(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length, kept: 0));
        Finish(text.Length);
    }

    /// <summary>Discards the text, and returns its array.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0) ScratchArrays.Return(_bytes);
        _bytes = [];
        WrittenCount = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

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
