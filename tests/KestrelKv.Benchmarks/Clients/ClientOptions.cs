namespace KestrelKv.Benchmarks.Clients;

/// <summary>The options of <c>client</c>, which compares client libraries. Lists are measured in all combinations.</summary>
internal sealed record ClientOptions
{
    public const string Usage =
        "usage: client [--part calls,pipeline,latency,cache] [--against redis,nats|none] [--callers N,...] [--in-flight N,...] " +
        "[--keys N] [--value-bytes N] [--cache-bytes N,...] [--seconds N] [--repeat N] [--pin true|false]";

    /// <summary>The parts to run, in order.</summary>
    public string[] Parts { get; init; } = ClientBenchmark.Parts;

    /// <summary>The clients to measure.</summary>
    public ClientKind[] Clients { get; init; } = ClientKind.All;

    /// <summary>The numbers of concurrent callers of one client object.</summary>
    public int[] Callers { get; init; } = [1, 50, 1_000];

    /// <summary>The numbers of calls that <see cref="PipelinePart"/> starts before it awaits them.</summary>
    public int[] InFlight { get; init; } = [16, 100, 1_000];

    public int Keys { get; init; } = 10_000;

    /// <summary>The length of a value's text in bytes, at least 2.</summary>
    public int ValueBytes { get; init; } = 100;

    /// <summary>The lengths of the values of <see cref="CachePart"/>, in bytes.</summary>
    public int[] CacheBytes { get; init; } = [100, 4_096];

    /// <summary>The duration of one measurement, in seconds.</summary>
    public double Seconds { get; init; } = 2;

    /// <summary>The number of measurements of each call, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether the servers and the clients are pinned to one core each. It needs two cores.</summary>
    public bool Pin { get; init; } = true;

    public static ClientOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new ClientOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--part" => options with { Parts = value.ListOf([.. ClientBenchmark.Parts.Select(part => (part, part))]) },
                "--against" => options with
                {
                    Clients = value.Text == "none" ? [ClientKind.KestrelKv] : [ClientKind.KestrelKv, .. value.ListOf(
                        ("redis", ClientKind.StackExchangeRedis), ("nats", ClientKind.Nats))],
                },
                "--callers" => options with { Callers = Concurrency(value) },
                "--in-flight" => options with { InFlight = Concurrency(value) },
                "--keys" => options with { Keys = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--cache-bytes" => options with { CacheBytes = value.Numbers },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repeat" => options with { Repetitions = value.Number },
                "--pin" => options with { Pin = value.Flag },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }

    private static int[] Concurrency(Argument value)
    {
        int[] numbers = value.Numbers;
        return numbers.Max() <= ICallUnderTest.SlotsMax
            ? numbers
            : throw new FormatException($"invalid value {value.Text}, expected at most {ICallUnderTest.SlotsMax} calls in flight\n{Usage}");
    }
}
