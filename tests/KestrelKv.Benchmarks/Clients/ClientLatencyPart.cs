namespace KestrelKv.Benchmarks.Clients;

/// <summary>Open-loop latency of calls at one rate for all clients: half of the maximum of the slowest one.</summary>
internal static class ClientLatencyPart
{
    /// <summary>The number of callers with which the maximum is measured.</summary>
    private const int SaturationCallers = 50;

    public static async Task RunAsync(ClientServers servers, ClientOptions options)
    {
        await using ClientSet clients = await ClientSet.StartAsync(servers, options.Clients, options, options.ValueBytes);
        Console.WriteLine(
            $"Latency, open loop, at half of the slowest client's maximum: {options.Keys:N0} keys, " +
            $"values of {options.ValueBytes:N0} bytes:\n");
        var table = new Table(
            "", "client", $"maximum with {SaturationCallers} callers, calls/s", "rate, calls/s", "p50/p99/p99.9 us",
            $"p99.9, client / {ClientKind.StackExchangeRedis.Name}", "client us/call");
        foreach (CallGroup group in (CallGroup[])[CallGroup.Get, CallGroup.Put])
        {
            ClientResult[] maximum = await Contestant.MeasureAsync(
                clients.ContestantsOf(group, new ClientTask(ClientLoad.Callers, SaturationCallers)), options);
            double[] measured = [.. maximum.Select(result => result.PerSecond).Where(double.IsFinite)];
            if (measured.Length == 0) continue;
            double rate = measured.Min() / 2;
            List<Contestant> contestants = clients.ContestantsOf(group, new ClientTask(ClientLoad.Paced, PerSecond: rate));
            ClientResult[] results = await Contestant.MeasureAsync(contestants, options);
            foreach ((int index, ClientResult r) in results.Index())
            {
                table.Add(
                    group.Name, contestants[index].Label, $"{maximum[index].PerSecond:N0}", $"{rate:N0}", r.Percentiles,
                    Contestant.Ratio(contestants, results, index, result => result.P999), $"{r.ClientMicroseconds:N2}");
            }
        }
        Console.WriteLine($"{table}\n");
    }
}
