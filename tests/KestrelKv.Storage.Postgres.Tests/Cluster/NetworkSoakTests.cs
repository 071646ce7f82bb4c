using System.Globalization;
using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Rounds of network faults: the primary is cut off from others, in one direction or in both.</summary>
public sealed class NetworkSoakTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Machines = PatroniCluster.EtcdMachine;
    private const int Doors = 0;

    private ClusterNetwork _network = null!;
    private PatroniCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        if (SoakFactAttribute.WhyNot() is not null || NetworkNamespace.WhyNot() is not null) return;
        _network = await ClusterNetwork.CreateAsync(Machines);
        _cluster = new(new(), _network);
        await _cluster.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        if (_network is null) return;
        await _cluster.DisposeAsync();
        await _network.DisposeAsync();
    }

    [NetworkSoakFact]
    public Task Calls_NetworkCut_AreLinearizableAndLoseNoWrite() => Seeds.RunAsync(async random =>
    {
        foreach (long _ in SoakTime.Steps()) await RunRoundAsync(random);
    });

    private async Task RunRoundAsync(Random random)
    {
        (ClusterNode primary, _) = await _cluster.RepairAsync();
        string schema = PostgresServer.NewSchema();
        await using ClusterLoad load = await ClusterLoad.StartAsync(_ => _cluster.OpenStoreAsync(schema), random);
        await load.BeginRoundAsync();
        string cuts = await CutAsync(_cluster.All.ToList().IndexOf(primary) + 1, random);
        TimeSpan time = TimeSpan.FromSeconds(random.Next(2, 2 * ClusterSettings.Ttl));
        await Task.Delay(time);
        double during = load.Outage.TotalSeconds;
        await _network.HealAsync();
        double outage = (await load.EndRoundAsync()).TotalSeconds;
        await load.BeginRoundAsync();
        string summary = await load.StopAsync();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{cuts}, for {time.TotalSeconds} s: {during:F1} s without a write meanwhile, {outage:F1} s in all; {summary}"));
    }

    /// <summary>Cuts the primary off from some of the standbys, etcd and the stores.</summary>
    private async Task<string> CutAsync(int primary, Random random)
    {
        List<string> cuts = [];
        while (cuts.Count == 0)
        {
            int[] standbys = [.. Enumerable.Range(1, Machines - 1).Where(machine => machine != primary)];
            (string, int[])[] others = [("standbys", standbys), ("etcd", [Machines]), ("stores", [Doors])];
            foreach ((string name, int[] machines) in others)
            {
                int directions = random.Next(3) == 0 ? 0 : random.Next(1, 4);
                if (directions == 0) continue;
                cuts.Add($"{name} {(directions == 1 ? "from" : directions == 2 ? "to" : "from and to")} the primary");
                foreach (int machine in machines)
                {
                    if ((directions & 1) != 0) await _network.CutAsync(primary, machine);
                    if ((directions & 2) != 0) await _network.CutAsync(machine, primary);
                }
            }
        }
        return string.Join(", ", cuts);
    }
}

/// <summary>A soak that needs network namespaces.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NetworkSoakFactAttribute : FactAttribute
{
    public NetworkSoakFactAttribute() => Skip = SoakFactAttribute.WhyNot() ?? NetworkNamespace.WhyNot();
}
