using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>One row of a table: a call of a client, or the generator.</summary>
/// <param name="Label">Its name in the table.</param>
/// <param name="Client">The client; null for the generator.</param>
/// <param name="Server">The server that is loaded.</param>
/// <param name="RunAsync">Measures for a number of seconds.</param>
internal sealed record Contestant(string Label, ClientKind? Client, ClientServer Server, Func<double, Task<ClientResult>> RunAsync)
{
    private const double WarmUpSeconds = 2;

    /// <summary>Measures contestants in turns.</summary>
    /// <returns>The medians, in the order of the contestants.</returns>
    public static async Task<ClientResult[]> MeasureAsync(IReadOnlyList<Contestant> contestants, ClientOptions options)
    {
        foreach (Contestant contestant in contestants) await contestant.TryMeasureAsync(Math.Min(WarmUpSeconds, options.Seconds));
        List<ClientResult>[] results = await ServerBench.InTurnsAsync(
            contestants, options.Repetitions, contestant => contestant.TryMeasureAsync(options.Seconds));
        return [.. results.Select(ClientResult.Median)];
    }

    /// <summary>
    /// Returns the ratio of a figure to that of the client to which the others are compared; empty for that one and without it.
    /// </summary>
    public static string Ratio(
        IReadOnlyList<Contestant> contestants, ClientResult[] results, int index, Func<ClientResult, double> figure)
    {
        int baseline = contestants.Index().FirstOrDefault(item => item.Item.Client is { IsBaseline: true }, (-1, null!)).Index;
        return baseline < 0 || index == baseline || contestants[index].Client is null
            ? ""
            : $"{figure(results[index]) / figure(results[baseline]):N2}";
    }

    /// <returns><see cref="ClientResult.None"/> if a call fails or its result is wrong; the other clients are still measured.</returns>
    private async Task<ClientResult> TryMeasureAsync(double seconds)
    {
        try
        {
            TimeSpan processor = Server.Program.ProcessorTime;
            ClientResult result = await RunAsync(seconds);
            ServerBench.Progress($"{Label}: {result.PerSecond:N0} calls/s");
            return result with { ServerMicroseconds = (Server.Program.ProcessorTime - processor).TotalMicroseconds / result.Calls };
        }
        catch (InvalidDataException e)
        {
            ServerBench.Progress($"{Label} failed: {e.Message}");
            return ClientResult.None;
        }
    }
}
