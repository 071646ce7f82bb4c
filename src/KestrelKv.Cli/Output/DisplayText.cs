using System.Globalization;
using System.Text;
using Spectre.Console;

namespace KestrelKv.Cli.Output;

/// <summary>Text for people: on one line, without control characters.</summary>
internal static class DisplayText
{
    /// <summary>
    /// Returns a text whose hidden characters are escaped as in JSON, so that a key cannot control the terminal or its direction of text.
    /// </summary>
    public static string Of(string text)
    {
        if (!text.Any(IsHidden)) return text;
        var escaped = new StringBuilder(text.Length + 10);
        foreach (char c in text)
            escaped.Append(!IsHidden(c) ? c.ToString() : c switch { '\n' => @"\n", '\r' => @"\r", '\t' => @"\t", _ => $"\\u{(int)c:x4}" });
        return escaped.ToString();
    }

    /// <summary>Returns a text as one word of a POSIX shell, or of bash, zsh and ksh if it has hidden characters.</summary>
    public static string ShellWord(string text) =>
        text.Any(IsHidden) ? $"$'{Of(text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal))}'"
        : text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is ':' or '.' or '_' or '-' or '/' or '@' or ',') ? text
        : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Returns a JSON text on one line.</summary>
    /// <param name="json">The JSON text.</param>
    /// <param name="columnsMax">The number of columns after which the text may end: the caller cuts it there.</param>
    public static string OfJson(ReadOnlySpan<byte> json, int columnsMax = int.MaxValue)
    {
        // Each column of the result takes at most four bytes of text, and white space between tokens is rare.
        bool isPart = columnsMax < json.Length / 8;
        if (isPart) return Of(Encoding.UTF8.GetString(json[..(columnsMax * 4)]));
        return Of(Encoding.UTF8.GetString(JsonPrinter.ToLine(json)));
    }

    /// <summary>Returns a time in UTC; <c>never</c> for none.</summary>
    public static string OfExpiry(DateTimeOffset? expiresAt) =>
        expiresAt is { } time ? time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "never";

    /// <summary>Cuts a text to a number of columns of a terminal.</summary>
    public static string Cut(string text, int columns)
    {
        if (text.Length <= columns / 2 || text.GetCellWidth() <= columns) return text;
        int width = 1, length = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += rune.ToString().GetCellWidth();
            if (width > columns) break;
            length += rune.Utf16SequenceLength;
        }
        return text[..length] + "…";
    }

    /// <summary>Whether a character controls the terminal or is invisible. The joiners of emoji and some scripts are not hidden.</summary>
    private static bool IsHidden(char c) => c is not ('\u200c' or '\u200d') && char.GetUnicodeCategory(c) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
