using System.Globalization;
using System.Text;

namespace KestrelKv.Cli.Live;

/// <summary>Text of others, such as keys, for a terminal.</summary>
internal static class Printable
{
    /// <summary>Returns a text with <c>\uXXXX</c> for characters that control the terminal or are invisible.</summary>
    public static string Of(string text)
    {
        if (!text.Any(IsHidden)) return text;
        var printable = new StringBuilder(text.Length + 10);
        foreach (char c in text)
        {
            if (IsHidden(c)) printable.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else printable.Append(c);
        }
        return printable.ToString();
    }

    /// <summary>Returns a text as one word of a POSIX shell, or of bash, zsh and ksh if it has invisible characters.</summary>
    public static string ShellWord(string text) =>
        text.Any(IsHidden) ? $"$'{Of(text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal))}'"
        : text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is ':' or '.' or '_' or '-' or '/' or '@' or ',') ? text
        : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static bool IsHidden(char c) =>
        char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
