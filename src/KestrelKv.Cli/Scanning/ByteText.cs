using System.Buffers;
using System.Buffers.Text;

namespace KestrelKv.Cli.Scanning;

/// <summary>Bytes that grow, in an array that is reused. Not thread-safe.</summary>
internal sealed class ByteText(int capacity = 64 * 1024) : IBufferWriter<byte>
{
    private const int NumberBytesMax = 20;

    // A longer array is released when it is cleared, so that one large value does not keep its memory.
    private const int KeptBytesMax = 8 * 1024 * 1024;

    private byte[] _array = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _array.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _array.AsMemory(0, Length);

    public void Clear()
    {
        Length = 0;
        if (_array.Length > KeptBytesMax) _array = new byte[capacity];
    }

    public void Truncate(int length) => Length = length;

    public ByteText Add(scoped ReadOnlySpan<byte> bytes)
    {
        if (_array.Length - Length < bytes.Length) Grow(bytes.Length);
        bytes.CopyTo(_array.AsSpan(Length));
        Length += bytes.Length;
        return this;
    }

    public ByteText Add(long number)
    {
        Utf8Formatter.TryFormat(number, GetSpan(NumberBytesMax), out int written);
        Length += written;
        return this;
    }

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_array.Length - Length < Math.Max(sizeHint, 1)) Grow(Math.Max(sizeHint, 1));
        return _array.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    private void Grow(int bytes) => Array.Resize(ref _array, (int)Math.Min(Array.MaxLength, Math.Max((long)Length + bytes, 2L * _array.Length)));
}
