using System.Globalization;

namespace KestrelKv.Cli.Output;

/// <summary>Figures for people. Machine-readable output has the numbers themselves.</summary>
internal static class Figures
{
    private static readonly string[] ByteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Returns a number of bytes with a binary unit and three or four digits, such as <c>12.3 MiB</c>.</summary>
    public static string Bytes(double bytes)
    {
        int unit = 0;
        for (; bytes >= 1_024 && unit < ByteUnits.Length - 1; unit++) bytes /= 1_024;
        return string.Create(CultureInfo.InvariantCulture,
            $"{(unit == 0 ? bytes.ToString("0", CultureInfo.InvariantCulture) : Short(bytes))} {ByteUnits[unit]}");
    }

    /// <summary>Returns a number without fraction, with commas between groups of digits.</summary>
    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Returns a rate: a fraction below 100, otherwise as <see cref="Count"/>.</summary>
    public static string Rate(double perSecond) =>
        perSecond is > 0 and < 100 ? perSecond.ToString("0.0", CultureInfo.InvariantCulture) : Count(perSecond);

    /// <summary>Returns a time with a unit from microseconds to seconds.</summary>
    /// <param name="microseconds">The time.</param>
    public static string Microseconds(double microseconds) => microseconds switch
    {
        < 1_000 => $"{Short(microseconds)} µs",
        < 1_000_000 => $"{Short(microseconds / 1_000)} ms",
        _ => $"{Short(microseconds / 1_000_000)} s",
    };

    /// <summary>Returns a time in hours, minutes and seconds, such as <c>1:02:03</c> or <c>2:03</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    private static string Short(double number) =>
        number.ToString(number < 10 ? "0.00" : number < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
