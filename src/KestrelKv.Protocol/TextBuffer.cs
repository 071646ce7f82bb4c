using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;

namespace KestrelKv.Protocol;

/// <summary>JSON text that grows, in an array from the pool: for what is to be sent with its length ahead.</summary>
/// <remarks>Not for use by two threads at once. Empty it holds no array.</remarks>
public sealed class TextBuffer : IDisposable
{
    private const int BytesMin = 1_024;
    private const int NumberBytesMax = 20;
    private const int EscapedBytesMax = 12;

    private byte[] _bytes = [];

    /// <summary>How many bytes were written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written. Valid until more is.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>The same as memory. Valid until more is written.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, Length);

    /// <summary>Writes text as it is.</summary>
    public void Write(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
    }

    /// <summary>Writes a whole number.</summary>
    public void WriteNumber(long number)
    {
        bool written = Utf8Formatter.TryFormat(number, Room(NumberBytesMax), out int bytes);
        Debug.Assert(written);
        Length += bytes;
    }

    /// <summary>Writes a member whose value is a whole number.</summary>
    /// <param name="name">What comes before the number: its name and a colon, and what is in front of them.</param>
    /// <param name="number">The number.</param>
    public void WriteMember(ReadOnlySpan<byte> name, long number)
    {
        Write(name);
        WriteNumber(number);
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public void WriteBoolean(bool value) => Write(value ? "true"u8 : "false"u8);

    /// <summary>Writes a string with its quotes.</summary>
    public void WriteString(string text) => WriteString(Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a string with its quotes; only what JSON asks for is escaped.</summary>
    /// <param name="utf8">The characters.</param>
    public void WriteString(ReadOnlySpan<byte> utf8)
    {
        JavaScriptEncoder encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        Write("\""u8);
        for (int special; (special = encoder.FindFirstCharacterToEncodeUtf8(utf8)) >= 0;)
        {
            Write(utf8[..special]);
            utf8 = utf8[special..];

            // Escapes what is special, and as much behind it as there is room for.
            encoder.EncodeUtf8(utf8, Room(EscapedBytesMax), out int consumed, out int written);
            Length += written;
            utf8 = utf8[consumed..];
        }
        Write(utf8);
        Write("\""u8);
    }

    /// <summary>Writes an instant as Unix time in seconds with up to three decimals, or <c>null</c> for 0.</summary>
    /// <param name="milliseconds">Unix time in milliseconds, not negative; 0 for none.</param>
    public void WriteTime(long milliseconds)
    {
        if (milliseconds == 0)
        {
            Write("null"u8);
            return;
        }

        (long seconds, long thousandths) = Math.DivRem(milliseconds, 1_000);
        WriteNumber(seconds);
        if (thousandths == 0) return;
        Span<byte> decimals = [(byte)'.', Digit(thousandths / 100), Digit(thousandths / 10), Digit(thousandths)];
        Write(decimals.TrimEnd((byte)'0'));

        static byte Digit(long number) => (byte)('0' + (number % 10));
    }

    /// <summary>Forgets what was written after <see cref="Length"/> was <paramref name="length"/>.</summary>
    public void Truncate(int length)
    {
        Debug.Assert(length <= Length);
        Length = length;
    }

    /// <summary>Forgets all, and gives the array back.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        Length = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private Span<byte> Room(int bytes)
    {
        if (bytes > _bytes.Length - Length) Grow(bytes);
        return _bytes.AsSpan(Length);
    }

    private void Grow(int bytes)
    {
        long wanted = Math.Max((long)Length + bytes, Math.Min(Array.MaxLength, 2L * _bytes.Length));
        byte[] larger = ArrayPool<byte>.Shared.Rent(checked((int)Math.Max(wanted, BytesMin)));
        Written.CopyTo(larger);
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
