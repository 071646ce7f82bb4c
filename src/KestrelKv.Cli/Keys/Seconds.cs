using System.Globalization;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary>Options in seconds.</summary>
internal static class Seconds
{
    /// <summary>Returns the time of an option; null if it is not given.</summary>
    /// <exception cref="CommandFailure">The value is out of range.</exception>
    public static TimeSpan? ToTime(double? seconds, string option) => seconds switch
    {
        null => null,
        > 0 and < 1e11 => TimeSpan.FromSeconds(seconds.Value),
        _ => throw CommandFailure.Usage($"{option} is {seconds.Value.ToString(CultureInfo.InvariantCulture)}, expected seconds, more than 0"),
    };
}
