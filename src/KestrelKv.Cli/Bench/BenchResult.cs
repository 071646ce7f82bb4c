using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Bench;

/// <summary>The result of a measurement.</summary>
/// <param name="Options">The options.</param>
/// <param name="Log">The counts.</param>
/// <param name="StartDelays">The delays of intended starts by the program itself, in an open loop; otherwise null.</param>
/// <param name="Cpu">The processor time of the program per second, 1 for one core.</param>
/// <param name="IsPartial">Whether the measurement was interrupted.</param>
internal sealed record BenchResult(BenchOptions Options, BenchLog Log, LatencyCounts? StartDelays, double Cpu, bool IsPartial)
{
    public long Requests => Log.Gets + Log.Puts;

    public long Errors => Log.Errors.Values.Sum();

    public double PerSecond => Log.Seconds > 0 ? Requests / Log.Seconds : 0;

    /// <summary>What was measured, in sentences for the user.</summary>
    public string Method => Options.Rate is { } rate
        ? $"Open loop: {Figures.Rate(rate)} requests per second, whether or not earlier replies have arrived. Latency counts from the intended " +
          "start of a request, so that it includes the time that a request waits because the server stalls."
        : $"Closed loop: each of {Options.Connections} connections sends {Options.InFlight} request{(Options.InFlight == 1 ? "" : "s")} at once " +
          "and waits for all replies. While the server stalls, no requests are sent, so the percentiles hide stalls (coordinated omission). " +
          "--rate measures them.";
}
