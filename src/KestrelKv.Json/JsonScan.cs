using System.Buffers;

namespace KestrelKv.Json;

/// <summary>
/// Scans JSON text that is known to be valid. No method recurses, so nesting costs no stack.
/// </summary>
internal static class JsonScan
{
    private const int ShortBytes = 16;

    private static readonly SearchValues<byte> QuotesAndBrackets = SearchValues.Create("\"{}[]"u8);

    /// <summary>Returns the first position from <paramref name="at"/> on that is not white space, or the length of the text.</summary>
    public static int SkipWhiteSpace(ReadOnlySpan<byte> text, int at)
    {
        while ((uint)at < (uint)text.Length && text[at] <= ' ') at++;
        return at;
    }

    /// <summary>Returns the end of the value at <paramref name="at"/>.</summary>
    public static int SkipValue(ReadOnlySpan<byte> text, int at) => text[at] switch
    {
        (byte)'"' => SkipString(text, at),
        (byte)'{' or (byte)'[' => SkipToContainerEnd(text, at + 1),
        _ => SkipScalar(text, at),
    };

    /// <summary>Returns the end of the string whose first quote is at <paramref name="at"/>.</summary>
    public static int SkipString(ReadOnlySpan<byte> text, int at)
    {
        // Most names and many values are so short that a byte loop is faster than a vector search.
        int near = Math.Min(text.Length, ++at + ShortBytes);
        while (at < near && text[at] != '\\')
            if (text[at++] == '"') return at;

        while (true)
        {
            at = Next(at, text[at..].IndexOfAny((byte)'"', (byte)'\\'));
            if (text[at] == '"') return at + 1;
            at += 2;
        }
    }

    /// <summary>Returns the end of the array or object that contains <paramref name="at"/>, which must not be inside a string.</summary>
    public static int SkipToContainerEnd(ReadOnlySpan<byte> text, int at)
    {
        for (int open = 1; open > 0;)
        {
            at = Next(at, text[at..].IndexOfAny(QuotesAndBrackets));
            if (text[at] == '"')
            {
                at = SkipString(text, at);
                continue;
            }
            // '[' and '{' differ from ']' and '}' in this bit.
            open += (text[at++] & 0x04) == 0 ? 1 : -1;
        }
        return at;
    }

    /// <summary>Whether arrays and objects are nested deeper than <paramref name="depthMax"/>.</summary>
    public static bool IsDeeper(ReadOnlySpan<byte> text, int depthMax)
    {
        // Each level takes two brackets, so most texts need no scan.
        if (text.Length / 2 <= depthMax) return false;

        int depth = 0;
        for (int at = 0; at < text.Length;)
        {
            int step = text[at..].IndexOfAny(QuotesAndBrackets);
            if (step < 0) return false;
            at += step;
            if (text[at] == '"') at = SkipString(text, at);
            else if ((text[at++] & 0x04) != 0) depth--;
            else if (++depth > depthMax) return true;
        }
        return false;
    }

    private static int SkipScalar(ReadOnlySpan<byte> text, int at)
    {
        while ((uint)at < (uint)text.Length && text[at] is not ((byte)',' or (byte)']' or (byte)'}' or <= (byte)' ')) at++;
        return at;
    }

    // The caller may hold a lock, so even an invalid text must not cause an endless loop.
    private static int Next(int at, int step) => step >= 0 ? at + step : throw new InvalidOperationException("The text is not valid JSON.");
}
