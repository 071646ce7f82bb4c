using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>The duration of tests with random steps.</summary>
public static class SoakTime
{
    /// <summary>The environment variable with the duration of each such test, in seconds.</summary>
    public const string Variable = "KESTRELKV_SOAK_SECONDS";

    /// <summary>The default, in seconds. All tests together then take less than a minute.</summary>
    private const double SecondsDefault = 3;

    public static TimeSpan Duration { get; } = TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
            ? double.Parse(given, CultureInfo.InvariantCulture)
            : SecondsDefault);

    /// <summary>Returns a number of repetitions: <paramref name="soak"/> if the duration is longer than the default.</summary>
    public static int Count(int ordinary, int soak) => Duration.TotalSeconds > SecondsDefault ? soak : ordinary;

    /// <summary>Counts 0, 1, 2 and so on, until <see cref="Duration"/> has passed.</summary>
    public static IEnumerable<long> Steps()
    {
        var clock = Stopwatch.StartNew();
        for (long step = 0; clock.Elapsed < Duration; step++) yield return step;
    }
}
