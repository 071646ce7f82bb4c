using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>What to measure of servers beside each other. Lists are measured in all combinations.</summary>
internal sealed record ComparisonOptions
{
    public const string Usage =
        "usage: compare [--preset main|full] [--one-call] [--against redis,memcached,garnet,constant,bare|none] " +
        "[--parts throughput,latency,start,interference,one-call] [--modes memory,everysec,always] [--mix get,put,mixed] " +
        "[--connections N,...] [--in-flight N,...] [--value-bytes N,...] [--keys N] [--distribution uniform,zipf] " +
        "[--close fin,reset] [--calls-per-connection N,...] [--strace] " +
        "[--seconds N] [--repetitions N] [--pin true|false] [--directory PATH] [--garnet PATH]";

    private const string OneCallSwitch = "--one-call";
    private const string StraceSwitch = "--strace";

    /// <summary>Values of one server: with longer ones there are fewer keys, or no machine would have room for them.</summary>
    private const long ValueBytesTotal = 512L * 1_024 * 1_024;

    /// <summary>What is measured: the first in relation to each of the others.</summary>
    public ServerKind[] Servers { get; init; } = [KestrelKvServer.Kind, RedisServer.Kind, MemcachedServer.Kind, GarnetServer.KindOf()];

    public string[] Parts { get; init; } = ["throughput"];

    /// <summary>When writes are acknowledged. A server that has no such mode is left out there.</summary>
    public DurabilityMode[] Modes { get; init; } = [DurabilityMode.Memory];

    public RequestMix[] Mixes { get; init; } = [RequestMix.Get, RequestMix.Put];

    public int[] Connections { get; init; } = [50];

    /// <summary>How many requests each connection has under way at a time.</summary>
    public int[] InFlight { get; init; } = [1, 16, 100];

    public int[] ValueBytes { get; init; } = [100];

    /// <summary>How many keys there are at the most.</summary>
    public int Keys { get; init; } = 1_000_000;

    public KeyDistribution[] Distributions { get; init; } = [KeyDistribution.Uniform];

    /// <summary>How the clients of <see cref="OneCallPart"/> close their connections.</summary>
    public CloseKind[] Close { get; init; } = [CloseKind.Fin];

    /// <summary>How many calls the clients of <see cref="OneCallPart"/> make on each connection.</summary>
    public int[] CallsPerConnection { get; init; } = [1];

    /// <summary>Whether <see cref="OneCallPart"/> counts system calls too.</summary>
    public bool Strace { get; init; }

    /// <summary>How long one measurement takes, in seconds.</summary>
    public double Seconds { get; init; } = 3;

    /// <summary>How often each is measured, in turn with the others; medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether servers and the load have a core each, where there are two.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>Where the servers' directories are made, and deleted in the end.</summary>
    public string Directory { get; init; } = Path.GetTempPath();

    /// <summary>Those that have a mode.</summary>
    public IEnumerable<ServerKind> ServersOf(DurabilityMode mode) => Servers.Where(kind => kind.Modes.Contains(mode));

    /// <summary>The clients for a length of values, all else as usual.</summary>
    public LoadOptions ClientsFor(int valueBytes) => new()
    {
        Connections = Connections[0], Keys = (int)Math.Min(Keys, ValueBytesTotal / valueBytes), ValueBytes = valueBytes,
    };

    /// <returns>What is measured, one after the other.</returns>
    public static ComparisonOptions[] Parse(ReadOnlySpan<string> args)
    {
        ComparisonOptions options = args.Contains(OneCallSwitch) ? OneCall : new ComparisonOptions();
        bool isFull = false;
        ServerKind garnet = GarnetServer.KindOf();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage, OneCallSwitch, StraceSwitch))
        {
            isFull = name == "--preset" ? value.OneOf(("main", false), ("full", true)) : isFull;
            garnet = name == "--garnet" ? GarnetServer.KindOf(value.Text) : garnet;
            options = name switch
            {
                "--preset" or "--garnet" or OneCallSwitch => options,
                "--against" => options with { Servers = [KestrelKvServer.Kind, .. PeersOf(value)] },
                "--parts" => options with { Parts = value.ListOf([.. ComparisonBenchmark.Parts.Select(part => (part, part))]) },
                "--modes" => options with
                {
                    Modes = value.ListOf(
                        ("memory", DurabilityMode.Memory), ("none", DurabilityMode.None),
                        ("everysec", DurabilityMode.EverySec), ("always", DurabilityMode.Always)),
                },
                "--mix" => options with
                {
                    Mixes = value.ListOf(("get", RequestMix.Get), ("put", RequestMix.Put), ("mixed", RequestMix.Mixed)),
                },
                "--connections" => options with { Connections = value.Numbers },
                "--in-flight" => options with { InFlight = value.Numbers },
                "--value-bytes" => options with { ValueBytes = value.Numbers },
                "--keys" => options with { Keys = value.Number },
                "--distribution" => options with
                {
                    Distributions = value.ListOf(("uniform", KeyDistribution.Uniform), ("zipf", KeyDistribution.Zipf)),
                },
                "--close" => options with { Close = value.ListOf(("fin", CloseKind.Fin), ("reset", CloseKind.Reset)) },
                "--calls-per-connection" => options with { CallsPerConnection = value.Numbers },
                StraceSwitch => options with { Strace = true },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repetitions" => options with { Repetitions = value.Number },
                "--pin" => options with { Pin = value.Flag },
                "--directory" => options with { Directory = Path.GetFullPath(value.Text) },
                _ => throw value.Unknown(name),
            };
        }
        options = options with { Servers = [.. options.Servers.Select(kind => kind.Name == garnet.Name ? garnet : kind)] };
        return isFull ? options.Full : [options];
    }

    /// <summary>What <c>--one-call</c> stands for. Further options replace its lists.</summary>
    private static ComparisonOptions OneCall => new()
    {
        Servers =
        [
            KestrelKvServer.Kind, RedisServer.Kind, MemcachedServer.Kind, GarnetServer.KindOf(),
            ConstantServer.Kind, ConstantServer.BareKind,
        ],
        Parts = [ComparisonBenchmark.OneCall], Modes = [DurabilityMode.Memory, DurabilityMode.Always], Connections = [1, 16, 50],
        Close = [CloseKind.Fin, CloseKind.Reset], CallsPerConnection = [1, 10, 100], Seconds = 2, Repetitions = 3,
    };

    /// <summary>Each of what can be chosen by itself, the others as they are: all combinations would take days.</summary>
    private ComparisonOptions[] Full =>
    [
        this with { Mixes = [RequestMix.Get, RequestMix.Put, RequestMix.Mixed] },
        this with { Connections = [1, 1_000] },
        this with { ValueBytes = [10, 1_000, 100_000] },
        this with { Distributions = [KeyDistribution.Zipf] },
        this with { Modes = [DurabilityMode.EverySec, DurabilityMode.Always], Mixes = [RequestMix.Put] },
        this with { Parts = [.. ComparisonBenchmark.Parts.Except(["throughput", ComparisonBenchmark.OneCall])] },
    ];

    private static ServerKind[] PeersOf(Argument value) => value.Text == "none" ? [] : value.ListOf(
        ("redis", RedisServer.Kind), ("memcached", MemcachedServer.Kind), ("garnet", GarnetServer.KindOf()),
        ("constant", ConstantServer.Kind), ("bare", ConstantServer.BareKind));
}
