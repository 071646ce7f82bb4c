using KestrelKv.Benchmarks.Comparison;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>The options of <c>durability</c>, which compares with Redis on the same disk.</summary>
internal sealed record DurabilityOptions
{
    public const string Usage =
        "usage: durability [--parts throughput,recovery,snapshot] [--directory PATH] [--modes always,everysec] [--connections N] " +
        "[--in-flight N,...] [--keys N] [--value-bytes N] [--recovery-keys N] [--snapshot-in-flight N] [--seconds N] " +
        "[--repetitions N] [--pin true|false] [--servers kestrelkv,redis]";

    public string[] Parts { get; init; } = ["throughput", "recovery", "snapshot"];

    /// <summary>The parent of the servers' directories, all on one disk. They are deleted at the end.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    public DurabilityMode[] Modes { get; init; } = [DurabilityMode.Always, DurabilityMode.EverySec];

    public int Connections { get; init; } = 50;

    /// <summary>The numbers of writes in flight per connection.</summary>
    public int[] InFlight { get; init; } = [1, 16, 100];

    /// <summary>The number of keys for throughput and for latency during a snapshot.</summary>
    public int Keys { get; init; } = 1_000_000;

    public int ValueBytes { get; init; } = 100;

    public int RecoveryKeys { get; init; } = 10_000_000;

    /// <summary>The number of writes in flight per connection while latency during a snapshot is measured.</summary>
    public int SnapshotInFlight { get; init; } = 16;

    /// <summary>The duration of one measurement, in seconds.</summary>
    public double Seconds { get; init; } = 3;

    /// <summary>The number of measurements of each server, taken in turns. Medians are printed.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Whether the server under load and the load are pinned to one core each. It needs two cores.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>The servers to measure. Of two, the ratio of the first to the second is printed.</summary>
    public ServerKind[] Servers { get; init; } = [KestrelKvServer.Kind, RedisServer.Kind];

    public LoadOptions Clients => new() { Connections = Connections, Keys = Keys, ValueBytes = ValueBytes, PutPercent = 100 };

    /// <summary>The options of the clients that fill a server for recovery.</summary>
    public LoadOptions RecoveryClients => Clients with { Keys = RecoveryKeys };

    public ComparisonOptions Throughput => new()
    {
        Servers = Servers, Modes = Modes, Mixes = [RequestMix.Put], Connections = [Connections], InFlight = InFlight, Keys = Keys,
        ValueBytes = [ValueBytes], Seconds = Seconds, Repetitions = Repetitions,
    };

    public static DurabilityOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new DurabilityOptions();
        foreach ((string name, Argument value) in Argument.Pairs(args, Usage))
        {
            options = name switch
            {
                "--parts" => options with
                {
                    Parts = value.ListOf(("throughput", "throughput"), ("recovery", "recovery"), ("snapshot", "snapshot")),
                },
                "--directory" => options with { Directory = Path.GetFullPath(value.Text) },
                "--modes" => options with
                {
                    Modes = value.ListOf(
                        ("always", DurabilityMode.Always), ("everysec", DurabilityMode.EverySec),
                        ("none", DurabilityMode.None), ("memory", DurabilityMode.Memory)),
                },
                "--connections" => options with { Connections = value.Number },
                "--in-flight" => options with { InFlight = value.Numbers },
                "--keys" => options with { Keys = value.Number },
                "--value-bytes" => options with { ValueBytes = value.Number },
                "--recovery-keys" => options with { RecoveryKeys = value.Number },
                "--snapshot-in-flight" => options with { SnapshotInFlight = value.Number },
                "--seconds" => options with { Seconds = value.Seconds },
                "--repetitions" => options with { Repetitions = value.Number },
                "--pin" => options with { Pin = value.Flag },
                "--servers" => options with { Servers = value.ListOf(("kestrelkv", KestrelKvServer.Kind), ("redis", RedisServer.Kind)) },
                _ => throw value.Unknown(name),
            };
        }
        return options;
    }
}
