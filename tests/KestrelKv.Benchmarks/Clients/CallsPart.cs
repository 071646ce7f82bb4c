namespace KestrelKv.Benchmarks.Clients;

/// <summary>Calls by concurrent callers of one client object, each of which awaits its call before it starts the next one.</summary>
internal static class CallsPart
{
    public static async Task RunAsync(ClientServers servers, ClientOptions options)
    {
        await using ClientSet clients = await ClientSet.StartAsync(servers, options.Clients, options, options.ValueBytes);
        Console.WriteLine($"Calls by concurrent callers: {options.Keys:N0} keys, values of {options.ValueBytes:N0} bytes:\n");
        await RunAsync(clients, options, ClientKind.StackExchangeRedis, CallGroup.Get, CallGroup.GetReused, CallGroup.Put);
    }

    /// <summary>Measures groups of calls, and prints a table with ratios to one of the clients.</summary>
    public static async Task RunAsync(ClientSet clients, ClientOptions options, ClientKind baseline, params CallGroup[] groups)
    {
        var table = new Table(
            "", "callers", "client", "calls/s", $"client / {baseline.Name}", "allocated bytes/call", "client us/call",
            "server us/call");
        foreach (CallGroup group in groups)
        {
            foreach (int callers in options.Callers)
            {
                List<Contestant> contestants = clients.ContestantsOf(group, new ClientTask(ClientLoad.Callers, callers));
                ClientResult[] results = await Contestant.MeasureAsync(contestants, options);
                foreach ((int index, ClientResult r) in results.Index())
                {
                    table.Add(
                        group.Name, $"{callers:N0}", contestants[index].Label, $"{r.PerSecond:N0}",
                        Contestant.Ratio(contestants, results, index, result => result.PerSecond), $"{r.AllocatedBytes:N0}",
                        $"{r.ClientMicroseconds:N2}", $"{r.ServerMicroseconds:N2}");
                }
            }
        }
        Console.WriteLine($"{table}\n");
    }
}
