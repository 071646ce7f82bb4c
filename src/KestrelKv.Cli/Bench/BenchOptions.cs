using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Bench;

/// <summary>The options of a benchmark.</summary>
internal sealed record BenchOptions
{
    /// <summary>The measured time in seconds, more than 0 and at most a day.</summary>
    public required double Seconds { get; init; }

    /// <summary>The time of load before the measurement in seconds, 0 to 600.</summary>
    public required double WarmUp { get; init; }

    /// <summary>1 to 10,000.</summary>
    public required int Connections { get; init; }

    /// <summary>The requests that a connection sends at once, 1 to 1,000.</summary>
    public required int InFlight { get; init; }

    public required BenchMix Mix { get; init; }

    /// <summary>The percentage of PUTs of <see cref="BenchMix.Mixed"/>, 0 to 100.</summary>
    public required int PutPercent { get; init; }

    /// <summary>The length of a value, 2 bytes to 1 MiB.</summary>
    public required int ValueBytes { get; init; }

    /// <summary>1 to 100,000,000.</summary>
    public required int Keys { get; init; }

    /// <summary>The intended requests per second (open loop), more than 0; null for as many as possible (closed loop).</summary>
    public required double? Rate { get; init; }

    /// <summary>The percentage of PUTs.</summary>
    public int Puts => Mix switch
    {
        BenchMix.Get => 0,
        BenchMix.Put => 100,
        _ => PutPercent,
    };

    /// <exception cref="CommandFailure">An option is out of range.</exception>
    public void Check()
    {
        CommandFailure.ThrowIfOutside(Seconds, 0.01, 86_400, "--seconds");
        CommandFailure.ThrowIfOutside(WarmUp, 0, 600, "--warm-up");
        CommandFailure.ThrowIfOutside(Connections, 1, 10_000, "--connections");
        CommandFailure.ThrowIfOutside(InFlight, 1, 1_000, "--in-flight");
        CommandFailure.ThrowIfOutside(PutPercent, 0, 100, "--put-percent");
        CommandFailure.ThrowIfOutside(ValueBytes, 2, 1_048_576, "--value-bytes");
        CommandFailure.ThrowIfOutside(Keys, 1, 100_000_000, "--keys");
        if (Rate is { } rate) CommandFailure.ThrowIfOutside(rate, 0.1, 1e8, "--rate");
    }
}
