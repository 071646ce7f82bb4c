using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Feeds;

/// <summary>The options of <c>watch</c>, which measures the cost of watchers to writers.</summary>
internal sealed record WatchOptions
{
    public const string Usage =
        "usage: watch [--watchers N,...] [--share all|own] [--mode always|everysec|none|memory] [--directory PATH] [--connections N] [--in-flight N] " +
        "[--keys N] [--value-bytes N] [--seconds N] [--repetitions N] [--pin true|false]";

    /// <summary>
    /// The numbers of watchers, each on its own connection. The case without watchers is always measured too. If <see cref="SharesAll"/>
    /// is false, they must be powers of ten.
    /// </summary>
    public int[] Watchers { get; init; } = [1, 10, 100, 1_000];

    /// <summary>Whether each watcher watches all keys. Otherwise each watches its own part, and together they watch all.</summary>
    public bool SharesAll { get; init; }

    public DurabilityMode Mode { get; init; } = DurabilityMode.Always;

    /// <summary>The parent of the server's directory, which is deleted at the end.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    public int Connections { get; init; } = 50;

    /// <summary>The number of writes in flight per connection.</summary>
    public int InFlight { get; init; } = 16;

    public int Keys { get; init; } = 1_000_000;

    public int ValueBytes { get; init; } = 100;

    /// <summary>The duration of one measurement, in seconds.</summary>
    public double Seconds { get; init; } = 2;

    /// <summary>The number of measurements, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether the server, and the load with the watchers, are pinned to one core each. It needs two cores.</summary>
    public bool Pin { get; init; } = true;

    public static WatchOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new WatchOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--watchers" => options with { Watchers = value.Numbers },
                "--share" => options with { SharesAll = value.OneOf(("all", true), ("own", false)) },
                "--mode" => options with
                {
                    Mode = value.OneOf(
                        ("always", DurabilityMode.Always), ("everysec", DurabilityMode.EverySec), ("none", DurabilityMode.None),
                        ("memory", DurabilityMode.Memory)),
                },
                "--directory" => options with { Directory = Path.GetFullPath(value.Text) },
                "--connections" => options with { Connections = value.Number },
                "--in-flight" => options with { InFlight = value.Number },
                "--keys" => options with { Keys = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repetitions" => options with { Repetitions = value.Number },
                "--pin" => options with { Pin = value.Flag },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }
}
