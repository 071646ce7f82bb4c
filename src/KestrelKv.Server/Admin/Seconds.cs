using System.Globalization;

namespace KestrelKv.Server.Admin;

/// <summary>Times in the query. The framework would take 1,5 for 15, and tell of its own types where it can't read one.</summary>
internal static class Seconds
{
    private const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    /// <summary>Reads a number of seconds, spelled as in JSON; null where none is given.</summary>
    /// <returns>Why it can't be read; null where it can.</returns>
    public static IResult? TryRead(string name, string? text, out decimal? seconds)
    {
        seconds = null;
        if (text is null) return null;
        if (!decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out decimal number))
            return Problems.BadRequest("invalid_value", $"{name} is \"{text}\", expected a number of seconds such as 1.5");
        seconds = number;
        return null;
    }
}
