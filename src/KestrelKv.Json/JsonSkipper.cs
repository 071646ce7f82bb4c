using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KestrelKv.Json;

/// <summary>Skips and validates JSON values in a text.</summary>
/// <remarks>
/// Accepts the grammar of RFC 8259, nested up to <see cref="NestingMax"/> levels. The general parser also accepts deeper nesting, and
/// reports the reason for a rejection. Strings are not checked for UTF-8. If <see cref="IsAscii"/> is true, they are valid.
/// </remarks>
/// <param name="text">The text that contains the values, at least <see cref="TextBytesMin"/> bytes long.</param>
/// <param name="depthMax">The maximum nesting of arrays and objects. The effective limit is at most <see cref="NestingMax"/>.</param>
public ref struct JsonSkipper(ReadOnlySpan<byte> text, int depthMax)
{
    /// <summary>The minimum length of a text: one block. The last block may overlap others, but cannot begin before the text.</summary>
    public const int TextBytesMin = BlockBytes;

    /// <summary>The maximum nesting: a 64-bit number has one bit per open array or object.</summary>
    public const int NestingMax = 64;

    /// <summary>The size of the blocks in which strings are searched.</summary>
    private const int BlockBytes = 32;

    private const int NotFound = -1;

    /// <summary>The bytes that are not literal characters in a string.</summary>
    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [(byte)'"', (byte)'\\', .. Enumerable.Range(0, ' ').Select(control => (byte)control)]);

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly int _depthMax = Math.Min(depthMax, NestingMax);

    /// <summary>Whether all skipped text is ASCII. Only strings can contain other bytes.</summary>
    public bool IsAscii { get; private set; } = true;

    /// <summary>Skips one value of any type.</summary>
    /// <param name="at">The start of the value, without leading white space.</param>
    /// <returns>The end of the value; negative if the value is invalid.</returns>
    public int SkipValue(int at)
    {
        // One bit per open array or object, the innermost last: 1 for an object.
        ulong open = 0;
        int depth = 0;
        while (true)
        {
            byte first = ByteAt(at);
            if (first is (byte)'{' or (byte)'[')
            {
                if (depth == _depthMax) return NotFound;
                depth++;
                open = (open << 1) | (first == (byte)'{' ? 1u : 0);
                at = SkipWhiteSpace(at + 1);
                if (ByteAt(at) != End(open))
                {
                    if (first == (byte)'{') at = SkipName(at);
                    if (at < 0) return NotFound;
                    continue;
                }
            }
            else
            {
                at = SkipScalar(at, first);
                if (at < 0) return NotFound;
            }

            // After a value, or inside an empty array or object.
            while (true)
            {
                if (depth == 0) return at;
                at = SkipWhiteSpace(at);
                byte next = ByteAt(at++);
                if (next == (byte)',') break;
                if (next != End(open)) return NotFound;
                depth--;
                open >>= 1;
            }
            at = SkipWhiteSpace(at);
            if ((open & 1) != 0) at = SkipName(at);
            if (at < 0) return NotFound;
        }

        static byte End(ulong open) => (open & 1) != 0 ? (byte)'}' : (byte)']';
    }

    /// <summary>Skips a string.</summary>
    /// <param name="at">The opening quote.</param>
    /// <returns>The position after the closing quote; negative if the string is invalid.</returns>
    public int SkipString(int at)
    {
        if (ByteAt(at) != (byte)'"') return NotFound;
        at = SkipCharacters(at + 1);
        while (ByteAt(at) == (byte)'\\')
        {
            at = SkipEscape(at);
            if (at < 0) return NotFound;
            if (ByteAt(at) != (byte)'\\') at = SkipCharacters(at);
        }
        return ByteAt(at) == (byte)'"' ? at + 1 : NotFound;
    }

    /// <summary>Skips literal characters in a string.</summary>
    /// <returns>The next quote, backslash or control character, or the end of the text.</returns>
    public int SkipCharacters(int at)
    {
        at = SkipAscii(at);
        if (ByteAt(at) < 0x80) return at;
        IsAscii = false;
        int special = _text[at..].IndexOfAny(Special);
        return special < 0 ? _text.Length : at + special;
    }

    /// <summary>Skips a number.</summary>
    /// <param name="at">The start of the number.</param>
    /// <returns>The end of the number; negative if the number is invalid.</returns>
    public readonly int SkipNumber(int at)
    {
        if (ByteAt(at) == (byte)'-') at++;
        at = ByteAt(at) == (byte)'0' ? at + 1 : SkipDigits(at);
        if (ByteAt(at) == (byte)'.') at = SkipDigits(at + 1);
        if ((ByteAt(at) | 0x20) == (byte)'e')
        {
            at++;
            if (ByteAt(at) is (byte)'+' or (byte)'-') at++;
            at = SkipDigits(at);
        }
        return at;
    }

    /// <summary>Skips literal ASCII characters in a string.</summary>
    private readonly int SkipAscii(int at)
    {
        for (; at <= _text.Length - BlockBytes; at += BlockBytes)
        {
            uint found = SpecialOf(Block(at)).ExtractMostSignificantBits();
            if (found != 0) return at + BitOperations.TrailingZeroCount(found);

            // A string longer than a block may be much longer.
            while (at <= _text.Length - (3 * BlockBytes) &&
                (SpecialOf(Block(at + BlockBytes)) | SpecialOf(Block(at + (2 * BlockBytes)))) == Vector256<byte>.Zero)
                at += 2 * BlockBytes;
        }

        // Less than a block is left, possibly nothing. The last block overlaps bytes that were searched.
        int last = _text.Length - BlockBytes;
        ulong rest = (ulong)SpecialOf(Block(last)).ExtractMostSignificantBits() >> (at - last);
        return rest == 0 ? _text.Length : at + BitOperations.TrailingZeroCount(rest);
    }

    private int SkipScalar(int at, byte first) => first switch
    {
        (byte)'"' => SkipString(at),
        (byte)'t' => SkipLiteral(at, "true"u8),
        (byte)'f' => SkipLiteral(at, "false"u8),
        (byte)'n' => SkipLiteral(at, "null"u8),
        _ => SkipNumber(at),
    };

    /// <summary>Skips one or more digits.</summary>
    private readonly int SkipDigits(int at)
    {
        int start = at;
        while (char.IsAsciiDigit((char)ByteAt(at))) at++;
        return at > start ? at : NotFound;
    }

    /// <summary>Skips <c>"NAME":</c> with white space around the colon.</summary>
    private int SkipName(int at)
    {
        at = SkipString(at);
        if (at < 0) return NotFound;
        at = SkipWhiteSpace(at);
        return ByteAt(at) == (byte)':' ? SkipWhiteSpace(at + 1) : NotFound;
    }

    private readonly int SkipEscape(int at)
    {
        switch (ByteAt(at + 1))
        {
            case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                return at + 2;
            case (byte)'u':
                for (int digit = at + 2; digit < at + 6; digit++)
                    if (!char.IsAsciiHexDigit((char)ByteAt(digit))) return NotFound;
                return at + 6;
            default:
                return NotFound;
        }
    }

    private readonly int SkipLiteral(int at, ReadOnlySpan<byte> literal) =>
        _text[at..].StartsWith(literal) ? at + literal.Length : NotFound;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int SkipWhiteSpace(int at)
    {
        while (ByteAt(at) is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') at++;
        return at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly Vector256<byte> Block(int at) => Vector256.Create(_text.Slice(at, BlockBytes));

    /// <summary>
    /// Sets all bits of each byte that is not a literal ASCII character. As a signed number, a byte beyond ASCII is less than a space.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> SpecialOf(Vector256<byte> block) =>
        Vector256.Equals(block, Vector256.Create((byte)'"')) |
        Vector256.Equals(block, Vector256.Create((byte)'\\')) |
        Vector256.LessThan(block.AsSByte(), Vector256.Create((sbyte)' ')).AsByte();

    /// <summary>Returns a byte of the text. Outside the text and at <see cref="NotFound"/> returns 0, which JSON never contains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte ByteAt(int at) => (uint)at < (uint)_text.Length ? _text[at] : (byte)0;
}
