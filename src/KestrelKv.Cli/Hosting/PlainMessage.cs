using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace KestrelKv.Cli.Hosting;

/// <summary>Messages of exceptions, without the terms of .NET.</summary>
internal static partial class PlainMessage
{
    /// <summary>Returns what is wrong with a JSON text, and where. Lines and bytes count from 1.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="hasLines">Whether the text can have several lines. Otherwise, only the byte is in the message.</param>
    public static string Of(JsonException exception, bool hasLines = true)
    {
        string text = Position().Replace(exception.Message, "").TrimEnd('.', ' ');
        if (exception is not { LineNumber: { } line, BytePositionInLine: { } position }) return text;
        return hasLines ? $"{text} (line {line + 1}, byte {position + 1})" : $"{text} (byte {position + 1})";
    }

    /// <summary>Returns what is wrong with an option: with times in seconds, and the name of the option of the command line.</summary>
    public static string Of(ArgumentException exception)
    {
        string text = exception.Message.Replace($" (Parameter '{exception.ParamName}')", "", StringComparison.Ordinal);
        text = text.Replace("IfVersion", "--if-version", StringComparison.Ordinal);
        return Times().Replace(text, match => $"{match.Groups[1]} is {Seconds(match.Groups[2])}, expected {Seconds(match.Groups[3])} to " +
            $"{Seconds(match.Groups[4])} seconds");
    }

    private static string Seconds(Group time) =>
        TimeSpan.Parse(time.Value, CultureInfo.InvariantCulture).TotalSeconds.ToString("0.#######", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\s*(Path: \S* \| )?LineNumber: \d+ \| BytePositionInLine: \d+")]
    private static partial Regex Position();

    [GeneratedRegex(@"^(\w+) is (-?[\d.]*\d\d:\d\d:[\d.]*\d), expected ([\d.]*\d\d:\d\d:[\d.]*\d) to ([\d.]*\d\d:\d\d:[\d.]*\d)")]
    private static partial Regex Times();
}
