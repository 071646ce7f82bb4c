namespace KestrelKv.Benchmarks.Loads;

/// <summary>The options of <c>load</c>.</summary>
internal sealed record LoadOptions
{
    public const string Usage =
        "usage: load [--port N] [--tls true|false] [--protocol frames|resp|memcached] [--connections N] [--in-flight N] [--seconds N] " +
        "[--repetitions N] [--keys N] [--distribution uniform|zipf] [--value-bytes N] [--put-percent N]";

    /// <summary>The server's port on the loopback address.</summary>
    public int Port { get; init; } = 4_444;

    public LoadProtocol Protocol { get; init; } = LoadProtocol.Frames;

    /// <summary>Whether the connections are encrypted.</summary>
    public bool Tls { get; init; }

    public int Connections { get; init; } = 50;

    /// <summary>The number of requests in flight per connection.</summary>
    public int InFlight { get; init; } = 1;

    /// <summary>The duration of one measurement in seconds, after one second of warm-up.</summary>
    public double Seconds { get; init; } = 3;

    /// <summary>The number of measurements. Medians are printed.</summary>
    public int Repetitions { get; init; } = 3;

    public int Keys { get; init; } = 100_000;

    public KeyDistribution Distribution { get; init; }

    /// <summary>The length of a value's text in bytes; at least 2.</summary>
    public int ValueBytes { get; init; } = 100;

    /// <summary>The percentage of PUTs; the others are GETs.</summary>
    public int PutPercent { get; init; } = 10;

    public static LoadOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new LoadOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--port" => options with { Port = value.Number },
                "--protocol" => options with
                {
                    Protocol = value.OneOf(
                        ("frames", LoadProtocol.Frames), ("resp", LoadProtocol.Resp),
                        ("memcached", LoadProtocol.Memcached)),
                },
                "--tls" => options with { Tls = value.Flag },
                "--connections" => options with { Connections = value.Number },
                "--in-flight" => options with { InFlight = value.Number },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repetitions" => options with { Repetitions = value.Number },
                "--keys" => options with { Keys = value.Number },
                "--distribution" => options with
                {
                    Distribution = value.OneOf(("uniform", KeyDistribution.Uniform), ("zipf", KeyDistribution.Zipf)),
                },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--put-percent" => options with { PutPercent = value.NumberOrZero },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }
}
