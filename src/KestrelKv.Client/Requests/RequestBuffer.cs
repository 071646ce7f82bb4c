using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Client.Requests;

/// <summary>A request frame under construction: a <see cref="FrameHeader"/>, then JSON text. Grows as needed. Not thread-safe.</summary>
/// <param name="isCleared">Whether the owner calls <see cref="Clear"/> after each request.</param>
/// <param name="bytesMax">The maximum length of the text before <see cref="BeginFrame"/>, in bytes.</param>
internal sealed class RequestBuffer(bool isCleared, int bytesMax = int.MaxValue) : IBufferWriter<byte>
{
    private static readonly JsonWriterOptions ValueOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private ReusedArray _array = new(isCleared);
    private int _start;
    private int _length;

    // The maximum length from _start on. It is checked whenever the memory grows, so that a value without end is refused.
    private int _bytesMax = bytesMax;
    private Utf8JsonWriter? _values;

    /// <summary>The frame, complete after <see cref="EndFrame"/>.</summary>
    public ReadOnlyMemory<byte> Frame => _array.Array.AsMemory(0, _length);

    /// <summary>The number of bytes of the frame.</summary>
    public int Length => _length;

    /// <summary>Begins a frame. Text that was written before is discarded.</summary>
    public void BeginFrame(int bodyBytesMax)
    {
        _array.EnsureLength(FrameHeader.Bytes);
        _start = _length = FrameHeader.Bytes;
        _bytesMax = bodyBytesMax;
    }

    /// <summary>Writes the header. The frame may then be sent.</summary>
    /// <exception cref="ArgumentException">The frame is too long.</exception>
    public void EndFrame()
    {
        CheckLength();
        FrameHeader.Write(_array.Array, _length - _start);
    }

    /// <summary>Prepares the buffer for another request, and frees large memory.</summary>
    public void Clear()
    {
        _length = 0;
        _array.Clear();
    }

    /// <summary>Discards the text after a length.</summary>
    public void Truncate(int length) => _length = length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(ReadOnlySpan<byte> text)
    {
        if (_array.Array.Length - _length < text.Length) Grow(text.Length);
        text.CopyTo(_array.Array.AsSpan(_length));
        _length += text.Length;
    }

    /// <summary>Writes a JSON string with its quotes.</summary>
    public void WriteString(string text)
    {
        int max = Encoding.UTF8.GetMaxByteCount(text.Length) + 2;
        if (_array.Array.Length - _length < max) Grow(max);
        Span<byte> to = _array.Array.AsSpan(_length);
        if (text.AsSpan().ContainsAny(NeedsEscape))
        {
            WriteEscaped(text);
            return;
        }
        to[0] = (byte)'"';
        int count = Encoding.UTF8.GetBytes(text, to[1..]);
        to[count + 1] = (byte)'"';
        _length += count + 2;
    }

    public void WriteNumber(long number)
    {
        const int digitsMax = 20;
        if (_array.Array.Length - _length < digitsMax) Grow(digitsMax);
        Utf8Formatter.TryFormat(number, _array.Array.AsSpan(_length), out int written);
        _length += written;
    }

    /// <summary>Writes a number of milliseconds as seconds, with three decimal places.</summary>
    public void WriteSeconds(long milliseconds)
    {
        if (milliseconds < 0) Write("-"u8);
        (long seconds, long rest) = Math.DivRem(Math.Abs(milliseconds), 1_000);
        WriteNumber(seconds);
        if (rest == 0) return;
        Write([(byte)'.', (byte)('0' + rest / 100), (byte)('0' + rest / 10 % 10), (byte)('0' + rest % 10)]);
    }

    /// <summary>Writes a value as JSON.</summary>
    public void WriteValue<T>(T value, JsonTypeInfo<T> type)
    {
        Utf8JsonWriter writer = _values ??= new(Stream.Null, ValueOptions);
        writer.Reset(this);
        JsonSerializer.Serialize(writer, value, type);
        writer.Flush();
    }

    void IBufferWriter<byte>.Advance(int count) => _length += count;

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        if (_array.Array.Length - _length < Math.Max(sizeHint, 1)) Grow(Math.Max(sizeHint, 1));
        return _array.Array.AsMemory(_length);
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint)
    {
        if (_array.Array.Length - _length < Math.Max(sizeHint, 1)) Grow(Math.Max(sizeHint, 1));
        return _array.Array.AsSpan(_length);
    }

    private static readonly SearchValues<char> NeedsEscape = SearchValues.Create(
        "\"\\\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u0009\u000a\u000b\u000c\u000d\u000e\u000f" +
        "\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f");

    private void WriteEscaped(string text)
    {
        Utf8JsonWriter writer = _values ??= new(Stream.Null, ValueOptions);
        writer.Reset(this);
        writer.WriteStringValue(text);
        writer.Flush();
    }

    private void Grow(int bytes)
    {
        CheckLength();
        _array.EnsureLength(checked(_length + bytes), _length);
    }

    private void CheckLength()
    {
        if (_length - _start > _bytesMax)
            throw new ArgumentException($"The request has more than {_bytesMax} bytes, the maximum (RequestBytesMax, the server's Limits:FrameBytesMax).");
    }
}
