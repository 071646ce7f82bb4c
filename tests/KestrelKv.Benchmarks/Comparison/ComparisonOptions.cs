using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Comparison;

/// <summary>The options of <c>compare</c>. Lists are measured in all combinations.</summary>
internal sealed record ComparisonOptions
{
    public const string Usage =
        "usage: compare [--preset main|full] [--one-call] [--tls] [--against redis,memcached,garnet,constant,bare|none] " +
        "[--parts throughput,latency,start,interference,one-call] [--modes memory,everysec,always] [--mix get,put,mixed] " +
        "[--connections N,...] [--in-flight N,...] [--value-bytes N,...] [--keys N] [--distribution uniform,zipf] " +
        "[--close fin,reset] [--calls-per-connection N,...] [--strace] " +
        "[--seconds N] [--repetitions N] [--pin true|false] [--directory PATH] [--garnet PATH]";

    private const string OneCallSwitch = "--one-call";
    private const string TlsSwitch = "--tls";
    private const string StraceSwitch = "--strace";

    /// <summary>
    /// The limit on all values of one server together. For longer values it reduces the number of keys, so that the data fits into
    /// memory.
    /// </summary>
    private const long ValueBytesTotal = 512L * 1_024 * 1_024;

    /// <summary>The servers to measure. Ratios are relative to the first.</summary>
    public ServerKind[] Servers { get; init; } = [KestrelKvServer.Kind, RedisServer.Kind, MemcachedServer.Kind, GarnetServer.KindOf()];

    public string[] Parts { get; init; } = ["throughput"];

    /// <summary>The durability modes. A server that does not support a mode is omitted for it.</summary>
    public DurabilityMode[] Modes { get; init; } = [DurabilityMode.Memory];

    public RequestMix[] Mixes { get; init; } = [RequestMix.Get, RequestMix.Put];

    public int[] Connections { get; init; } = [50];

    /// <summary>The numbers of requests in flight per connection.</summary>
    public int[] InFlight { get; init; } = [1, 16, 100];

    public int[] ValueBytes { get; init; } = [100];

    public int Keys { get; init; } = 1_000_000;

    public KeyDistribution[] Distributions { get; init; } = [KeyDistribution.Uniform];

    /// <summary>How the clients of <see cref="OneCallPart"/> close their connections.</summary>
    public CloseKind[] Close { get; init; } = [CloseKind.Fin];

    /// <summary>The numbers of calls that the clients of <see cref="OneCallPart"/> make on each connection.</summary>
    public int[] CallsPerConnection { get; init; } = [1];

    /// <summary>Whether <see cref="OneCallPart"/> also counts system calls.</summary>
    public bool Strace { get; init; }

    /// <summary>The duration of one measurement, in seconds.</summary>
    public double Seconds { get; init; } = 3;

    /// <summary>The number of measurements of each server, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether servers and load are pinned to one core each. It needs two cores.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>The parent of the servers' directories, which are deleted at the end.</summary>
    public string Directory { get; init; } = Path.GetTempPath();

    public IEnumerable<ServerKind> ServersOf(DurabilityMode mode) => Servers.Where(kind => kind.Modes.Contains(mode));

    /// <summary>Returns the options of the clients for a value length; all others keep their defaults.</summary>
    public LoadOptions ClientsFor(int valueBytes) => new()
    {
        Connections = Connections[0], Keys = (int)Math.Min(Keys, ValueBytesTotal / valueBytes), ValueBytes = valueBytes,
    };

    /// <returns>The runs to perform, in order.</returns>
    public static ComparisonOptions[] Parse(ReadOnlySpan<string> args)
    {
        ComparisonOptions options = args.Contains(OneCallSwitch) ? OneCall : args.Contains(TlsSwitch) ? Tls : new ComparisonOptions();
        bool isFull = false;
        ServerKind garnet = GarnetServer.KindOf();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage, OneCallSwitch, TlsSwitch, StraceSwitch))
        {
            isFull = name == "--preset" ? value.OneOf(("main", false), ("full", true)) : isFull;
            garnet = name == "--garnet" ? GarnetServer.KindOf(value.Text) : garnet;
            options = name switch
            {
                "--preset" or "--garnet" or OneCallSwitch or TlsSwitch => options,
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

    /// <summary>The options that <c>--one-call</c> sets. Further options replace its lists.</summary>
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

    /// <summary>
    /// The options that <c>--tls</c> sets: TLS next to plain text and to Redis, and new connections, which resume sessions.
    /// </summary>
    private static ComparisonOptions Tls => new()
    {
        Servers = [KestrelKvServer.TlsKind, KestrelKvServer.Kind, RedisServer.TlsKind],
        Parts = ["throughput", ComparisonBenchmark.OneCall], Seconds = 2,
    };

    /// <summary>Runs that vary one dimension each. All combinations would take days.</summary>
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
