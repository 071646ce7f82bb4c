using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;

namespace KestrelKv.Protocol;

/// <summary>A growing buffer for JSON text, in pieces from the shared pool, for messages whose length is sent first.</summary>
/// <remarks>
/// The first piece grows to <see cref="PieceBytes"/>; all others start at that size. Long text is therefore never copied to make room,
/// and the pool retains few bytes of it. An empty buffer holds no array. Not thread-safe.
/// </remarks>
/// <param name="budget">The budget that counts the pieces beyond the first; null for none.</param>
public sealed class TextBuffer(ByteBudget? budget = null) : IDisposable
{
    /// <summary>The size of a full piece, in bytes.</summary>
    public const int PieceBytes = 65_536;

    /// <summary>The list of texts with one piece. Never modified.</summary>
    private static readonly List<ArraySegment<byte>> NoPieces = [];

    private const int BytesMin = 1_024;
    private const int NumberBytesMax = 20;
    private const int EscapedBytesMax = 12;

    // The text is in the full pieces, followed by the current one.
    private List<ArraySegment<byte>> _full = NoPieces;
    private int _fullBytes;
    private byte[] _bytes = [];
    private int _used;

    /// <summary>The number of bytes written.</summary>
    public int Length => _fullBytes + _used;

    /// <summary>
    /// The text in one span, valid until the next write. Text of several pieces is copied to a new array at each call;
    /// <see cref="Pieces"/> needs no copy.
    /// </summary>
    public ReadOnlySpan<byte> Written => _fullBytes == 0 ? _bytes.AsSpan(0, _used) : Join();

    /// <summary>The total size of the arrays that <see cref="MoveTo"/> transfers.</summary>
    internal long ArrayBytes => (_full.Count * (long)PieceBytes) + (_used > 0 ? _bytes.Length : 0);

    /// <summary>The text as memory, under the rules of <see cref="Written"/>.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _fullBytes == 0 ? _bytes.AsMemory(0, _used) : Join();

    /// <summary>The text piece by piece, without a copy. Valid until the next write.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Pieces
    {
        get
        {
            foreach (ArraySegment<byte> piece in _full) yield return piece;
            yield return _bytes.AsMemory(0, _used);
        }
    }

    /// <summary>Writes text as it is.</summary>
    public void Write(ReadOnlySpan<byte> text)
    {
        while (text.Length > _bytes.Length - _used)
        {
            int count = _bytes.Length < PieceBytes ? 0 : _bytes.Length - _used;
            text[..count].CopyTo(_bytes.AsSpan(_used));
            _used += count;
            text = text[count..];
            Grow(text.Length);
        }
        text.CopyTo(_bytes.AsSpan(_used));
        _used += text.Length;
    }

    /// <summary>Transfers all pieces without a copy, and empties the buffer. The new owner returns the arrays to the shared pool.</summary>
    public void MoveTo(List<ArraySegment<byte>> pieces)
    {
        pieces.AddRange(_full);
        if (_used > 0) pieces.Add(new(_bytes, 0, _used));
        else if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        Forget();
    }

    /// <summary>Writes an integer.</summary>
    public void WriteNumber(long number)
    {
        bool written = Utf8Formatter.TryFormat(number, Room(NumberBytesMax), out int bytes);
        Debug.Assert(written);
        _used += bytes;
    }

    /// <summary>Writes a member with an integer value.</summary>
    /// <param name="name">The text before the number: a comma, the name and a colon.</param>
    /// <param name="number">The number.</param>
    public void WriteMember(ReadOnlySpan<byte> name, long number)
    {
        Write(name);
        WriteNumber(number);
    }

    /// <summary>Writes <c>true</c> or <c>false</c>.</summary>
    public void WriteBoolean(bool value) => Write(value ? "true"u8 : "false"u8);

    /// <summary>Writes a string with quotes.</summary>
    public void WriteString(string text) => WriteString(Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a string with quotes and only the escapes that JSON requires.</summary>
    /// <param name="utf8">The characters.</param>
    public void WriteString(ReadOnlySpan<byte> utf8)
    {
        JavaScriptEncoder encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        Write("\""u8);
        for (int special; (special = encoder.FindFirstCharacterToEncodeUtf8(utf8)) >= 0;)
        {
            Write(utf8[..special]);
            utf8 = utf8[special..];

            // Escapes the special character, and as much text after it as fits.
            encoder.EncodeUtf8(utf8, Room(EscapedBytesMax), out int consumed, out int written);
            _used += written;
            utf8 = utf8[consumed..];
        }
        Write(utf8);
        Write("\""u8);
    }

    /// <summary>Writes a Unix time in seconds with up to three decimals, or <c>null</c> for 0.</summary>
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

    /// <summary>Discards the text after the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length)
    {
        Debug.Assert(length <= Length);
        while (length < _fullBytes) DropPiece();
        _used = length - _fullBytes;
    }

    /// <summary>Discards the text and returns the arrays.</summary>
    public void Clear()
    {
        foreach (ArraySegment<byte> piece in _full) ArrayPool<byte>.Shared.Return(piece.Array!);
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        Forget();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private Span<byte> Room(int bytes)
    {
        if (bytes > _bytes.Length - _used) Grow(bytes);
        return _bytes.AsSpan(_used);
    }

    /// <summary>Makes room for all bytes if they are few, otherwise for at least one.</summary>
    private void Grow(int bytes)
    {
        if (_bytes.Length < PieceBytes)
        {
            long wanted = Math.Max((long)_used + bytes, 2L * _bytes.Length);
            Replace((int)Math.Clamp(wanted, BytesMin, PieceBytes));
            return;
        }

        // Allocates first: if that fails, the text is unchanged.
        byte[] next = ArrayPool<byte>.Shared.Rent(PieceBytes);
        budget?.Take(PieceBytes);
        if (_fullBytes == 0) _full = [];
        _full.Add(new(_bytes, 0, _used));
        _fullBytes = checked(_fullBytes + _used);
        (_bytes, _used) = (next, 0);
    }

    private void Replace(int bytesMin)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(bytesMin);
        _bytes.AsSpan(0, _used).CopyTo(larger);
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }

    private void DropPiece()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        budget?.Return(PieceBytes);
        ArraySegment<byte> last = _full[^1];
        _full.RemoveAt(_full.Count - 1);
        _fullBytes -= last.Count;
        (_bytes, _used) = (last.Array!, last.Count);
    }

    private byte[] Join()
    {
        byte[] whole = new byte[Length];
        int at = 0;
        foreach (ArraySegment<byte> piece in _full)
        {
            piece.CopyTo(whole, at);
            at += piece.Count;
        }
        _bytes.AsSpan(0, _used).CopyTo(whole.AsSpan(at));
        return whole;
    }

    private void Forget()
    {
        budget?.Return(_full.Count * (long)PieceBytes);
        _full = NoPieces;
        (_bytes, _used, _fullBytes) = ([], 0, 0);
    }
}
