using System.Buffers;
using System.Text.Json;

namespace KestrelKv.Cli.Output;

/// <summary>Prints JSON text with indentation and colors. Strings and numbers keep their exact spelling.</summary>
internal static class JsonPrinter
{
    private static ReadOnlySpan<byte> Reset => "\e[0m"u8;

    /// <summary>Returns a JSON text without its white space between tokens, on one line.</summary>
    public static byte[] ToLine(ReadOnlySpan<byte> json) => Print(json, isIndented: false, hasColors: false);

    /// <summary>Returns a JSON text with one member or element on each line, without a line feed at the end.</summary>
    public static byte[] ToLines(ReadOnlySpan<byte> json, bool hasColors) => Print(json, isIndented: true, hasColors);

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
