using System.Buffers;
using System.Text;
using System.Text.Json;

namespace KestrelKv.Cli.Output;

/// <summary>Prints JSON text with indentation and colors. Strings and numbers keep their exact spelling.</summary>
internal static class JsonPrinter
{
    private const byte Delete = 0x7f;
    private const byte LatinLead = 0xc2; // The first byte of U+0080 to U+00BF.

    private static ReadOnlySpan<byte> Reset => "\e[0m"u8;

    /// <summary>Returns a JSON text without its white space between tokens, on one line.</summary>
    public static byte[] ToLine(ReadOnlySpan<byte> json) => Print(json, isIndented: false, hasColors: false);

    /// <summary>Returns a JSON text with one member or element on each line, without a line feed at the end.</summary>
    public static byte[] ToLines(ReadOnlySpan<byte> json) => Print(json, isIndented: true, hasColors: false);

    /// <summary>
    /// Returns a JSON text as <see cref="ToLines"/> does, for people: the characters U+007F to U+009F, which control terminals, are escaped.
    /// </summary>
    public static byte[] ToDisplay(ReadOnlySpan<byte> json, bool hasColors)
    {
        byte[] lines = Print(json, isIndented: true, hasColors);
        if (IndexOfControl(lines) < 0) return lines;
        var to = new ArrayBufferWriter<byte>(lines.Length + 16);
        ReadOnlySpan<byte> rest = lines;
        for (int at; (at = IndexOfControl(rest)) >= 0;)
        {
            int length = rest[at] == Delete ? 1 : 2;
            to.Write(rest[..at]);
            to.Write(Encoding.ASCII.GetBytes($"\\u00{rest[at + length - 1]:x2}"));
            rest = rest[(at + length)..];
        }
        to.Write(rest);
        return to.WrittenSpan.ToArray();
    }

    /// <summary>Returns the index of a control character above the ASCII ones of JSON strings; -1 if there is none.</summary>
    private static int IndexOfControl(ReadOnlySpan<byte> utf8)
    {
        for (int at = 0; at < utf8.Length; at++)
        {
            int next = utf8[at..].IndexOfAny(Delete, LatinLead);
            if (next < 0) return -1;
            at += next;
            if (utf8[at] == Delete || at + 1 < utf8.Length && utf8[at + 1] is >= 0x80 and <= 0x9f) return at;
        }
        return -1;
    }

    private static byte[] Print(ReadOnlySpan<byte> json, bool isIndented, bool hasColors)
    {
        var to = new ArrayBufferWriter<byte>(json.Length + 1);
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 100_000 });
        int depth = 0;
        JsonTokenType last = JsonTokenType.None;
        while (reader.Read())
        {
            bool isEnd = reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray;
            if (isEnd) depth--;
            bool isFirst = last is JsonTokenType.StartObject or JsonTokenType.StartArray;
            if (last is not (JsonTokenType.None or JsonTokenType.PropertyName) && !isEnd && !isFirst) to.Write(","u8);
            if (isIndented && last is not (JsonTokenType.None or JsonTokenType.PropertyName) && !(isEnd && isFirst)) NewLine(to, depth);
            WriteToken(to, json, ref reader, hasColors);
            if (reader.TokenType == JsonTokenType.PropertyName) to.Write(isIndented ? ": "u8 : ":"u8);
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) depth++;
            last = reader.TokenType;
        }
        return to.WrittenSpan.ToArray();
    }

    private static void WriteToken(IBufferWriter<byte> to, ReadOnlySpan<byte> json, ref Utf8JsonReader reader, bool hasColors)
    {
        int start = (int)reader.TokenStartIndex;
        ReadOnlySpan<byte> text = reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName
            ? json.Slice(start, reader.ValueSpan.Length + 2)
            : reader.ValueSpan;
        ReadOnlySpan<byte> color = hasColors ? ColorOf(reader.TokenType) : default;
        to.Write(color);
        to.Write(text);
        if (!color.IsEmpty) to.Write(Reset);
    }

    private static void NewLine(IBufferWriter<byte> to, int depth)
    {
        to.Write("\n"u8);
        for (int i = 0; i < depth; i++) to.Write("  "u8);
    }

    private static ReadOnlySpan<byte> ColorOf(JsonTokenType token) => token switch
    {
        JsonTokenType.PropertyName => "\e[34m"u8,
        JsonTokenType.String => "\e[32m"u8,
        JsonTokenType.Number => "\e[36m"u8,
        JsonTokenType.True or JsonTokenType.False => "\e[33m"u8,
        JsonTokenType.Null => "\e[90m"u8,
        _ => default,
    };
}
