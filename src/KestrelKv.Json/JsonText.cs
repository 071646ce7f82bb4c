using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace KestrelKv.Json;

/// <summary>Checks of JSON text as it stands, without reading it into anything.</summary>
public static class JsonText
{
    private static ReadOnlySpan<byte> WhiteSpace => " \t\r\n"u8;

    /// <summary>What keeps <paramref name="text"/> from being one JSON value in UTF-8; null where nothing does.</summary>
    /// <param name="text">The whole text; white space around the value is allowed.</param>
    /// <param name="depthMax">How deep arrays and objects may be nested.</param>
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
            // The JSON reader reports syntax errors only by an exception.
            return Explain(text, e, ref reader, depthMax);
        }
    }

    /// <summary>The options of a reader of requests: no comments, no trailing commas.</summary>
    public static JsonReaderOptions ReaderOptions(int depthMax) => new() { MaxDepth = depthMax };

    /// <summary>Says which byte of a text is not UTF-8.</summary>
    public static JsonFault InvalidUtf8(ReadOnlySpan<byte> text)
    {
        int offset = 0;
        while (Rune.DecodeFromUtf8(text[offset..], out _, out int consumed) == OperationStatus.Done) offset += consumed;
        return new(JsonFaultKind.InvalidUtf8, $"byte {offset} (0x{text[offset]:x2}) is not UTF-8");
    }

    /// <summary>Says where and why <paramref name="reader"/> stopped.</summary>
    public static JsonFault Explain(ReadOnlySpan<byte> text, JsonException e, ref Utf8JsonReader reader, int depthMax)
    {
        if (WhiteSpaceOnly(text))
            return new(JsonFaultKind.InvalidJson, "the text is empty, expected a JSON value");

        int offset = Offset(text, e);
        ReadOnlySpan<byte> rest = text[offset..];

        if (rest is [(byte)'[' or (byte)'{', ..] && DepthInside(ref reader) >= reader.CurrentState.Options.MaxDepth)
            return new(JsonFaultKind.TooDeep, $"nested deeper than {depthMax} levels");

        // The reader stops at the letter after the sign of -Infinity.
        if (rest.StartsWith("NaN"u8) || rest.StartsWith("Infinity"u8) || rest.StartsWith("-Infinity"u8))
            return new(JsonFaultKind.InvalidJson, $"invalid JSON at byte {offset}: NaN and Infinity are not JSON; send null or a string instead");

        // The reader's own message continues with a line and column, which the byte offset replaces. It may also have advice for the
        // author of this program.
        string reason = e.Message.Replace(" Change the reader options.", "", StringComparison.Ordinal);
        int suffix = reason.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return new(JsonFaultKind.InvalidJson, $"invalid JSON at byte {offset}: {(suffix < 0 ? reason : reason[..suffix])}");
    }

    /// <summary>How many arrays and objects are open: the reader counts one only once it is past its beginning.</summary>
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
