using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KestrelKv.Json;

/// <summary>Skips JSON values in a text, and thereby checks them.</summary>
/// <remarks>
/// It accepts what the grammar of RFC 8259 does, nested at most <see cref="NestingMax"/> deep; so does the general parser, and deeper.
/// It does not say why it rejects a text: the general parser does. It does not check that strings are UTF-8; if <see cref="IsAscii"/>
/// is true, they are.
/// </remarks>
/// <param name="text">What the values stand in. At least <see cref="TextBytesMin"/> long.</param>
/// <param name="depthMax">How deep arrays and objects may be nested; more than <see cref="NestingMax"/> is as good as that.</param>
public ref struct JsonSkipper(ReadOnlySpan<byte> text, int depthMax)
{
    /// <summary>How short a text may be: one block, for the last block of a text may overlap others, but not begin before it.</summary>
    public const int TextBytesMin = BlockBytes;

    /// <summary>How deep it can look: what is open is kept in the bits of a number.</summary>
    public const int NestingMax = 64;

    /// <summary>Strings are searched in blocks of so many bytes.</summary>
    private const int BlockBytes = 32;

    private const int NotFound = -1;

    /// <summary>What does not stand for itself in a string.</summary>
    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [(byte)'"', (byte)'\\', .. Enumerable.Range(0, ' ').Select(control => (byte)control)]);

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly int _depthMax = Math.Min(depthMax, NestingMax);

    /// <summary>Whether all that was skipped is ASCII. Only strings can hold something else.</summary>
    public bool IsAscii { get; private set; } = true;

    /// <summary>Skips one value, whatever it is.</summary>
    /// <param name="at">Where the value begins, without white space before it.</param>
    /// <returns>Where it ends; negative where there is none.</returns>
    public int SkipValue(int at)
    {
        // A bit for each array or object that is open, the innermost one last: 1 for an object.
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

            // Behind a value, or within what has no elements.
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
    /// <param name="at">Where its first quote is.</param>
    /// <returns>Where it ends, behind its last quote; negative where there is none.</returns>
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

    /// <summary>Skips what stands for itself in a string.</summary>
    /// <returns>Where the next quote, backslash or control character is, or the text ends.</returns>
    public int SkipCharacters(int at)
    {
        at = SkipAscii(at);
        if (ByteAt(at) < 0x80) return at;
        IsAscii = false;
        int special = _text[at..].IndexOfAny(Special);
        return special < 0 ? _text.Length : at + special;
    }

    /// <summary>Skips a number.</summary>
    /// <param name="at">Where it begins.</param>
    /// <returns>Where it ends; negative where there is none.</returns>
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

    /// <summary>Skips what stands for itself in a string and is ASCII.</summary>
    private readonly int SkipAscii(int at)
    {
        for (; at <= _text.Length - BlockBytes; at += BlockBytes)
        {
            uint found = SpecialOf(Block(at)).ExtractMostSignificantBits();
            if (found != 0) return at + BitOperations.TrailingZeroCount(found);

            // A string that is longer than a block may be much longer.
            while (at <= _text.Length - (3 * BlockBytes) &&
                (SpecialOf(Block(at + BlockBytes)) | SpecialOf(Block(at + (2 * BlockBytes)))) == Vector256<byte>.Zero)
                at += 2 * BlockBytes;
        }

        // The rest is less than a block, and so may be nothing. The last block overlaps what was searched.
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

    /// <summary>At least one digit.</summary>
    private readonly int SkipDigits(int at)
    {
        int start = at;
        while (char.IsAsciiDigit((char)ByteAt(at))) at++;
        return at > start ? at : NotFound;
    }

    /// <summary><c>"NAME":</c> with white space around the colon.</summary>
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
    /// All bits set in each byte that does not stand for itself, or is not ASCII: as a signed number that is less than a space, too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> SpecialOf(Vector256<byte> block) =>
        Vector256.Equals(block, Vector256.Create((byte)'"')) |
        Vector256.Equals(block, Vector256.Create((byte)'\\')) |
        Vector256.LessThan(block.AsSByte(), Vector256.Create((sbyte)' ')).AsByte();

    /// <summary>A byte of the text; beyond its ends, and at <see cref="NotFound"/>, 0, which JSON has nowhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte ByteAt(int at) => (uint)at < (uint)_text.Length ? _text[at] : (byte)0;
}
