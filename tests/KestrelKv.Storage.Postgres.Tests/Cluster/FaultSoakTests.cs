using System.Diagnostics;
using System.Globalization;
using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Rounds of faults, each under a load of its own that verifies itself.</summary>
[Collection(SharedCluster.Name)]
public sealed class FaultSoakTests(PatroniCluster cluster, ITestOutputHelper output)
{
    /// <summary>The largest jump of a server's clock. It must be shorter than the time for which request ids are kept.</summary>
    private static readonly TimeSpan JumpMax = TimeSpan.FromMinutes(1);

    private readonly SortedDictionary<string, List<double>> _outages = [];

    [SoakFact]
    public Task Calls_UnderRandomFaults_AreLinearizableAndLoseNoWrite() => Seeds.RunAsync(async random =>
    {
        int rounds = 0;
        try
        {
            // Each fault once, then again in another order.
            Queue<string> next = new();
            foreach (long _ in SoakTime.Steps())
            {
                if (next.Count == 0)
                {
                    string[] names = [.. ClusterFaults.All.Keys];
                    random.Shuffle(names);
                    foreach (string name in names) next.Enqueue(name);
                }
                await RunRoundAsync(next.Dequeue(), random);
                rounds++;
            }
        }
        finally
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rounds} rounds; seconds without an acknowledged write:"));
            foreach ((string fault, List<double> seconds) in _outages)
                output.WriteLine($"{fault}: {string.Join(", ", seconds.Select(s => s.ToString("F1", CultureInfo.InvariantCulture)))}");
        }
    });

    private async Task RunRoundAsync(string fault, Random random)
    {
        (ClusterNode primary, ClusterNode standby) = await cluster.RepairAsync();
        string schema = PostgresServer.NewSchema();
        JumpingTime[] clocks = [.. Enumerable.Range(0, ClusterLoad.Stores).Select(_ => new JumpingTime())];
        await using ClusterLoad load = await ClusterLoad.StartAsync(i => cluster.OpenStoreAsync(schema, clocks[i]), random);
        await load.BeginRoundAsync(random.Next(50, 500));
        foreach (JumpingTime clock in clocks) clock.Offset = JumpMax * (random.NextDouble() * 2 - 1);
        long start = Stopwatch.GetTimestamp();
        await ClusterFaults.All[fault](new(cluster, load, random), primary, standby);
        double outage = (await load.EndRoundAsync()).TotalSeconds;
        if (!_outages.TryGetValue(fault, out List<double>? outages)) _outages.Add(fault, outages = []);
        outages.Add(outage);

        // Half of the rounds end before the cluster is complete again.
        if (random.Next(2) == 0) await cluster.RepairAsync();
        await load.BeginRoundAsync();
        string summary = await load.StopAsync();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{fault}: {outage:F1} s without a write, {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s in all; {summary}"));
    }
}
