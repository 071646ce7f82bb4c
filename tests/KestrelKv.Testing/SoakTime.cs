using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>How long tests go on that try one random thing after the other.</summary>
public static class SoakTime
{
    /// <summary>The environment variable that says for how many seconds each of them goes on.</summary>
    public const string Variable = "KESTRELKV_SOAK_SECONDS";

    /// <summary>So long that they take a minute or so all together.</summary>
    private const double SecondsDefault = 6;

    /// <summary>How long each goes on.</summary>
    public static TimeSpan Duration { get; } = TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
            ? double.Parse(given, CultureInfo.InvariantCulture)
            : SecondsDefault);

    /// <summary>Returns a number of repetitions: <paramref name="soak"/> if the duration is longer than the default.</summary>
    public static int Count(int ordinary, int soak) => Duration.TotalSeconds > SecondsDefault ? soak : ordinary;

    /// <summary>Counts 0, 1, 2 and so on, for as long as that.</summary>
    public static IEnumerable<long> Steps()
    {
        var clock = Stopwatch.StartNew();
        for (long step = 0; clock.Elapsed < Duration; step++) yield return step;
    }
}
