using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace KestrelKv.Json;

/// <summary>Validates JSON text without building objects.</summary>
public static class JsonText
{
    private static ReadOnlySpan<byte> WhiteSpace => " \t\r\n"u8;

    /// <summary>Returns the reason why <paramref name="text"/> is not one JSON value in UTF-8; null if it is.</summary>
    /// <param name="text">The whole text; white space around the value is allowed.</param>
    /// <param name="depthMax">The maximum nesting of arrays and objects.</param>
    public static JsonFault? Check(ReadOnlySpan<byte> text, int depthMax)
    {
        if (!Utf8.IsValid(text)) return InvalidUtf8(text);

        var reader = new Utf8JsonReader(text, ReaderOptions(depthMax));
        try
        {
            while (reader.Read())
            {
            }
            return null;
        }
        catch (JsonException e)
        {
            // The JSON reader reports syntax errors only as exceptions.
            return Explain(text, e, ref reader, depthMax);
        }
    }

    /// <summary>Returns the reader options for requests: no comments, no trailing commas.</summary>
    public static JsonReaderOptions ReaderOptions(int depthMax) => new() { MaxDepth = depthMax };

    /// <summary>Returns the error with the first byte that is not UTF-8.</summary>
    public static JsonFault InvalidUtf8(ReadOnlySpan<byte> text)
    {
        int offset = 0;
        while (Rune.DecodeFromUtf8(text[offset..], out _, out int consumed) == OperationStatus.Done) offset += consumed;
        return new(JsonFaultKind.InvalidUtf8, $"byte {offset} (0x{text[offset]:x2}) is not UTF-8");
    }

    /// <summary>Returns the error with the position and reason at which <paramref name="reader"/> stopped.</summary>
    public static JsonFault Explain(ReadOnlySpan<byte> text, JsonException e, ref Utf8JsonReader reader, int depthMax)
    {
        if (WhiteSpaceOnly(text))
            return new(JsonFaultKind.InvalidJson, "the text is empty, expected a JSON value");

        int offset = Offset(text, e);
        ReadOnlySpan<byte> rest = text[offset..];

        if (rest is [(byte)'[' or (byte)'{', ..] && DepthInside(ref reader) >= reader.CurrentState.Options.MaxDepth)
            return new(JsonFaultKind.TooDeep, $"the JSON value is nested deeper than {depthMax} levels");

        // The reader stops after the sign of -Infinity.
        if (rest.StartsWith("NaN"u8) || rest.StartsWith("Infinity"u8) || rest.StartsWith("-Infinity"u8))
            return new(
                JsonFaultKind.InvalidJson, $"invalid JSON at byte {offset}: NaN and Infinity are not JSON; send null or a string instead");

        // The reader's message ends with a line and column, which the byte offset replaces. It may also contain advice for developers.
        string reason = e.Message.Replace(" Change the reader options.", "", StringComparison.Ordinal);
        int suffix = reason.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return new(JsonFaultKind.InvalidJson, $"invalid JSON at byte {offset}: {(suffix < 0 ? reason : reason[..suffix])}");
    }

    /// <summary>Returns the number of open arrays and objects. The reader counts one only after its opening bracket.</summary>
    private static int DepthInside(ref Utf8JsonReader reader) =>
        reader.CurrentDepth + (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject ? 1 : 0);

    private static bool WhiteSpaceOnly(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(WhiteSpace);

    private static int Offset(ReadOnlySpan<byte> text, JsonException e)
    {
        int offset = 0;
        for (long line = 0; line < e.LineNumber; line++)
        {
            int newline = text[offset..].IndexOf((byte)'\n');
            if (newline < 0) break;
            offset += newline + 1;
        }
        return (int)Math.Min(text.Length, offset + (e.BytePositionInLine ?? 0));
    }
}
