using System.Buffers.Text;
using System.Globalization;

namespace KestrelKv.Json;

/// <summary>
/// Strings of JSON as they are spelled, without their quotes, and the characters that they stand for. Half of a surrogate pair
/// is taken for a character of its own, in three bytes as UTF-8 would have it (WTF-8): it equals itself, and nothing
/// that is valid UTF-8.
/// </summary>
public static class JsonString
{
    private const int StackBytes = 256;

    /// <summary>How much shorter a string may become by unescaping: <c>\u0061</c> is one byte.</summary>
    private const int Shrinkage = 6;

    private const int CharacterBytesMax = 4;

    /// <summary>Whether two strings stand for the same characters, however they are escaped.</summary>
    internal static bool Equals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        left.SequenceEqual(right) || (MayEqual(left, right) && (IsEscaped(left) || IsEscaped(right)) && EqualsEscaped(left, right));

    /// <summary>Whether a string stands for a text.</summary>
    /// <param name="name">The string.</param>
    /// <param name="text">The text in UTF-8.</param>
    public static bool StandsFor(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        // An escape is longer than the character that it stands for, and at most six times as long.
        if (name.Length <= text.Length) return name.SequenceEqual(text) && !IsEscaped(name);
        return name.Length / Shrinkage <= text.Length && IsEscaped(name) && StandsForEscaped(name, text);
    }

    /// <summary>Reads the characters that a string stands for, in UTF-8. False if one of them is half of a surrogate pair.</summary>
    /// <param name="name">The string.</param>
    /// <param name="characters">An array that belongs to the caller.</param>
    public static bool TryUnescape(ReadOnlySpan<byte> name, out byte[] characters)
    {
        var text = new PooledList<byte>(stackalloc byte[StackBytes]);
        Unescape(name, ref text);
        characters = text.Items.ToArray();
        text.Dispose();
        return !HoldsHalf(characters);
    }

    /// <summary>The same for names that are the same; other ones in each process, so that nobody can choose names that collide.</summary>
    internal static int Hash(ReadOnlySpan<byte> name) => IsEscaped(name) ? HashEscaped(name) : HashText(name);

    internal static bool IsEscaped(ReadOnlySpan<byte> name) => name.Contains((byte)'\\');

    /// <summary>Adds the characters that a string stands for.</summary>
    internal static void Unescape(scoped ReadOnlySpan<byte> name, ref PooledList<byte> to)
    {
        for (int escape; (escape = name.IndexOf((byte)'\\')) >= 0;)
        {
            to.Add(name[..escape]);
            int taken = ReadEscape(name[escape..], to.AddRoom(CharacterBytesMax), out int bytes);
            to.RemoveFrom(to.Count - CharacterBytesMax + bytes);
            name = name[(escape + taken)..];
        }
        to.Add(name);
    }

    /// <summary>Adds a text as a string with its quotes, escaping no more than must be.</summary>
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

    /// <summary>Keeps a long string from being unescaped for each of many short ones.</summary>
    private static bool MayEqual(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        left.Length / Shrinkage <= right.Length && right.Length / Shrinkage <= left.Length;

    private static bool EqualsEscaped(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var text = new PooledList<byte>(stackalloc byte[StackBytes]);
        Unescape(left, ref text);
        bool equal = StandsFor(right, text.Items);
        text.Dispose();
        return equal;
    }

    /// <summary>Whether a text holds half of a surrogate pair, which only unescaping can bring in: UTF-8 has none.</summary>
    private static bool HoldsHalf(ReadOnlySpan<byte> text)
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

    /// <summary>Reads an escape; two that are a surrogate pair are one character.</summary>
    /// <returns>The length of the escape.</returns>
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

    /// <summary>Writes a character in UTF-8, or half of a surrogate pair as UTF-8 would have it.</summary>
    private static int Encode(int c, Span<byte> to)
    {
        if (c < 0x80)
        {
            to[0] = (byte)c;
            return 1;
        }
        int bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (int i = bytes - 1; i > 0; i--, c >>= 6) to[i] = (byte)(0x80 | (c & 0x3F));
        // The first byte has a set bit for each byte of the character.
        to[0] = (byte)((0xF00 >> bytes) | c);
        return bytes;
    }
}
