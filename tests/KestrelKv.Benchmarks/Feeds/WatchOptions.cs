using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Feeds;

/// <summary>What to measure of the feed: what watchers cost those who write.</summary>
internal sealed record WatchOptions
{
    public const string Usage =
        "usage: watch [--watchers N,...] [--share all|own] [--mode always|everysec|none|memory] [--directory PATH] [--connections N] [--in-flight N] " +
        "[--keys N] [--value-bytes N] [--seconds N] [--repetitions N] [--pin true|false]";

    /// <summary>How many watches there are, each on a connection of its own; without any is always measured, too. For <see cref="SharesAll"/> false powers of ten.</summary>
    public int[] Watchers { get; init; } = [1, 10, 100, 1_000];

    /// <summary>Whether each watches all keys; otherwise each watches its own part of them, and together they watch all.</summary>
    public bool SharesAll { get; init; }

    public DurabilityMode Mode { get; init; } = DurabilityMode.Always;

    /// <summary>Where the server's directory is made, and deleted in the end.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    public int Connections { get; init; } = 50;

    /// <summary>How many writes each connection has under way at a time.</summary>
    public int InFlight { get; init; } = 16;

    public int Keys { get; init; } = 1_000_000;

    public int ValueBytes { get; init; } = 100;

    /// <summary>How long one measurement takes, in seconds.</summary>
    public double Seconds { get; init; } = 2;

    /// <summary>How often each is measured, in turn with the others; medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether the server and the load, with those who watch, have a core each, where there are two.</summary>
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
                        ("always", DurabilityMode.Always), ("everysec", DurabilityMode.EverySec), ("none", DurabilityMode.None), ("memory", DurabilityMode.Memory)),
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
