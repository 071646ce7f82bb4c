using System.Globalization;

namespace KestrelKv.Server.Settings;

/// <summary>
/// The formats of durations in settings: <c>hh:mm:ss</c>, <c>d.hh:mm:ss</c>, both with an optional fraction of a second; a
/// whole number with a unit (<c>500ms</c>, <c>30s</c>, <c>5m</c>, <c>24h</c>, <c>7d</c>); or <c>0</c>.
/// </summary>
/// <remarks>
/// <see cref="TimeSpan.Parse(string)"/> reads <c>24:00:00</c> as 24 days and <c>30</c> as 30 days. This parser reads
/// <c>24:00:00</c> as 24 hours and rejects a number without a unit.
/// </remarks>
internal static class Duration
{
    /// <summary>The accepted formats, as shown in error messages.</summary>
    public const string Spellings = "a duration such as 00:00:30, 24:00:00, 7.00:00:00, 30s, 5m, 24h or 7d";

    /// <summary>The maximum number of digits; more could overflow a <see cref="TimeSpan"/>.</summary>
    private const int DigitsMax = 6;

    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        bool negative = text.StartsWith('-');
        if (negative) text = text[1..];
        bool read = text.Contains(':') ? TryParseClock(text, out duration) : TryParseNumber(text, out duration);
        if (negative) duration = -duration;
        return read || text is "0";
    }

    private static bool TryParseClock(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        Span<Range> parts = stackalloc Range[4];
        if (text.Split(parts, ':') != 3) return false;

        ReadOnlySpan<char> hoursText = text[parts[0]];
        int point = hoursText.IndexOf('.');
        int days = 0;
        if (point >= 0 && !TryParseWhole(hoursText[..point], out days)) return false;
        if (!TryParseWhole(hoursText[(point + 1)..], out int hours) || (point >= 0 && hours > 23)) return false;
        if (!TryParseWhole(text[parts[1]], out int minutes) || minutes > 59) return false;
        if (!TryParseSeconds(text[parts[2]], out decimal seconds)) return false;

        duration = new TimeSpan(days, hours, minutes, 0) + TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        (string Unit, TimeSpan Length)[] units =
        [
            ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)),
            ("h", TimeSpan.FromHours(1)), ("d", TimeSpan.FromDays(1)),
        ];
        duration = TimeSpan.Zero;
        foreach ((string unit, TimeSpan length) in units)
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase) || !TryParseWhole(text[..^unit.Length], out int number)) continue;
            duration = length * number;
            return true;
        }
        return false;
    }

    private static bool TryParseSeconds(ReadOnlySpan<char> text, out decimal seconds) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) && seconds < 60;

    private static bool TryParseWhole(ReadOnlySpan<char> text, out int number)
    {
        number = 0;
        return text.Length <= DigitsMax && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
