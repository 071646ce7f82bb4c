using System.Buffers.Text;
using System.Globalization;

namespace KestrelKv.Json;

/// <summary>
/// Compares, unescapes and escapes JSON strings, which are as spelled, without quotes. A lone surrogate counts as a character of three
/// bytes (WTF-8): it equals itself, and never equals valid UTF-8.
/// </summary>
public static class JsonString
{
    private const int StackBytes = 256;

    /// <summary>The maximum ratio of spelled to unescaped length: <c>\u0061</c> is one byte.</summary>
    public const int EscapeRatioMax = 6;

    private const int CharacterBytesMax = 4;

    /// <summary>Whether two strings have the same characters, regardless of escapes.</summary>
    internal static bool Equals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        left.SequenceEqual(right) || (MayEqual(left, right) && (IsEscaped(left) || IsEscaped(right)) && EqualsEscaped(left, right));

    /// <summary>Whether a string unescapes to a text.</summary>
    /// <param name="name">The string.</param>
    /// <param name="text">The text in UTF-8.</param>
    public static bool UnescapesTo(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        // An escape is longer than its character, at most six times as long.
        if (name.Length <= text.Length) return name.SequenceEqual(text) && !IsEscaped(name);
        return name.Length / EscapeRatioMax <= text.Length && IsEscaped(name) && StandsForEscaped(name, text);
    }

    /// <summary>Unescapes a string to UTF-8. False if the string contains a lone surrogate.</summary>
    /// <param name="name">The string.</param>
    /// <param name="characters">The unescaped characters, in a new array.</param>
    public static bool TryUnescape(ReadOnlySpan<byte> name, out byte[] characters)
    {
        var text = new PooledList<byte>(stackalloc byte[StackBytes]);
        Unescape(name, ref text);
        characters = text.Items.ToArray();
        text.Dispose();
        return !HasLoneSurrogate(characters);
    }

    /// <summary>Returns a hash of the unescaped name, seeded per process so that clients cannot construct collisions.</summary>
    internal static int Hash(ReadOnlySpan<byte> name) => IsEscaped(name) ? HashEscaped(name) : HashText(name);

    internal static bool IsEscaped(ReadOnlySpan<byte> name) => name.Contains((byte)'\\');

    /// <summary>Appends the unescaped characters of a string.</summary>
    internal static void Unescape(scoped ReadOnlySpan<byte> name, ref PooledList<byte> to)
    {
        for (int escape; (escape = name.IndexOf((byte)'\\')) >= 0;)
        {
            to.Add(name[..escape]);
            int taken = ReadEscape(name[escape..], to.AddRoom(CharacterBytesMax), out int bytes);
            to.Truncate(to.Count - CharacterBytesMax + bytes);
            name = name[(escape + taken)..];
        }
        to.Add(name);
    }

    /// <summary>Appends a text as a string with quotes and only the required escapes.</summary>
    internal static void Escape(scoped ReadOnlySpan<byte> text, ref PooledList<byte> to)
    {
        to.Add((byte)'"');
        for (int at = 0; at < text.Length; at++)
        {
            byte c = text[at];
            if (c is (byte)'"' or (byte)'\\') to.Add([(byte)'\\', c]);
            else if (c < ' ') EscapeUnit(c, ref to);
            else if (c == 0xED && text[at + 1] >= 0xA0)
            {
                EscapeUnit(0xD000 | ((text[at + 1] & 0x3F) << 6) | (text[at + 2] & 0x3F), ref to);
                at += 2;
            }
            else to.Add(c);
        }
        to.Add((byte)'"');
    }

    /// <summary>Compares lengths, so that a long string is not unescaped for each of many short ones.</summary>
    private static bool MayEqual(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        left.Length / EscapeRatioMax <= right.Length && right.Length / EscapeRatioMax <= left.Length;

    private static bool EqualsEscaped(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var text = new PooledList<byte>(stackalloc byte[StackBytes]);
        Unescape(left, ref text);
        bool equal = UnescapesTo(right, text.Items);
        text.Dispose();
        return equal;
    }

    /// <summary>Whether a text contains a lone surrogate. Only unescaping produces one: UTF-8 has none.</summary>
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> text)
    {
        for (int at; (at = text.IndexOf((byte)0xED)) >= 0; text = text[(at + 1)..])
            if (text[(at + 1)..] is [>= 0xA0, ..]) return true;
        return false;
    }

    private static bool StandsForEscaped(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        Span<byte> character = stackalloc byte[CharacterBytesMax];
        for (int escape; (escape = name.IndexOf((byte)'\\')) >= 0;)
        {
            if (!TryTake(ref text, name[..escape])) return false;
            int taken = ReadEscape(name[escape..], character, out int bytes);
            if (!TryTake(ref text, character[..bytes])) return false;
            name = name[(escape + taken)..];
        }
        return name.SequenceEqual(text);
    }

    private static bool TryTake(ref ReadOnlySpan<byte> text, scoped ReadOnlySpan<byte> expected)
    {
        if (!text.StartsWith(expected)) return false;
        text = text[expected.Length..];
        return true;
    }

    private static int HashEscaped(ReadOnlySpan<byte> name)
    {
        var unescaped = new PooledList<byte>(stackalloc byte[StackBytes]);
        Unescape(name, ref unescaped);
        int hash = HashText(unescaped.Items);
        unescaped.Dispose();
        return hash;
    }

    private static int HashText(ReadOnlySpan<byte> text)
    {
        var hash = new HashCode();
        hash.AddBytes(text);
        return hash.ToHashCode();
    }

    private static void EscapeUnit(int unit, ref PooledList<byte> to)
    {
        to.Add("\\u"u8);
        unit.TryFormat(to.AddRoom(4), out _, "x4", CultureInfo.InvariantCulture);
    }

    private static byte Unescaped(byte letter) => letter switch
    {
        (byte)'b' => 8,
        (byte)'f' => 12,
        (byte)'n' => 10,
        (byte)'r' => 13,
        (byte)'t' => 9,
        _ => letter,
    };

    /// <summary>Reads one character: an escape, or two that form a surrogate pair.</summary>
    /// <returns>The number of bytes read.</returns>
    private static int ReadEscape(ReadOnlySpan<byte> text, Span<byte> character, out int bytes)
    {
        if (text[1] != 'u')
        {
            character[0] = Unescaped(text[1]);
            bytes = 1;
            return 2;
        }
        int unit = Unit(text);
        if (unit is >= 0xD800 and < 0xDC00 && text[6..] is [(byte)'\\', (byte)'u', ..] &&
            Unit(text[6..]) is >= 0xDC00 and < 0xE000 and var low)
        {
            bytes = Encode(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), character);
            return 12;
        }
        bytes = Encode(unit, character);
        return 6;
    }

    private static int Unit(ReadOnlySpan<byte> escape) =>
        Utf8Parser.TryParse(escape.Slice(2, 4), out int unit, out _, 'x')
            ? unit
            : throw new InvalidOperationException("The text is not valid JSON.");

    /// <summary>Writes a character in UTF-8, or a lone surrogate in three bytes.</summary>
    private static int Encode(int c, Span<byte> to)
    {
        if (c < 0x80)
        {
            to[0] = (byte)c;
            return 1;
        }
        int bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (int i = bytes - 1; i > 0; i--, c >>= 6) to[i] = (byte)(0x80 | (c & 0x3F));
        // The first byte begins with one set bit per byte of the character.
        to[0] = (byte)((0xF00 >> bytes) | c);
        return bytes;
    }
}
