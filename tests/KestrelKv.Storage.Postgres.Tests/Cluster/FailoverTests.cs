using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>A primary that is killed under load.</summary>
[Collection(SharedCluster.Name)]
public sealed class FailoverTests(PatroniCluster cluster, ITestOutputHelper output)
{
    [Fact]
    public Task Calls_PostmasterKilled_AreLinearizableAndLoseNoWrite() => Seeds.RunAsync(async random =>
    {
        (ClusterNode primary, _) = await cluster.RepairAsync();
        string schema = PostgresServer.NewSchema();
        await using ClusterLoad load = await ClusterLoad.StartAsync(_ => cluster.OpenStoreAsync(schema), random);
        await load.BeginRoundAsync();
        await primary.KillAsync(NodePart.PostgreSql);
        TimeSpan outage = await load.EndRoundAsync();
        await load.BeginRoundAsync();
        output.WriteLine($"writes failed for {outage.TotalSeconds:F1} s; {await load.StopAsync()}");
        Assert.True(outage < ClusterSettings.OutageMax, $"writes failed for {outage.TotalSeconds:F1} s");
    });
}
