using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>A primary that is suspended until another has replaced it, and then resumes: it does not know that it is superseded.</summary>
[Collection(SharedCluster.Name)]
public sealed class SupersededPrimaryTests(PatroniCluster cluster, ITestOutputHelper output)
{
    [Fact]
    public Task Reads_OnTheFormerPrimary_AreNeverStaleIfFenced() => Seeds.RunAsync(async random =>
    {
        (ClusterNode former, _) = await cluster.RepairAsync();
        string schema = PostgresServer.NewSchema();
        await using ClusterLoad load = await ClusterLoad.StartAsync(_ => cluster.OpenStoreAsync(schema), random);
        await using PostgresStore alone = await Calls.OpenAsync(former.ConnectionString, schema, requestSeconds: 2);
        await alone.PutAsync("a", "old");
        await alone.GetAsync("a", fenced: false); // It has a connection for such reads from now on.
        await load.BeginRoundAsync();

        await former.SuspendAsync(NodePart.Both);
        TimeSpan outage = await load.EndRoundAsync();
        output.WriteLine($"writes failed for {outage.TotalSeconds:F1} s");
        Assert.True(outage < ClusterSettings.OutageMax, $"writes failed for {outage.TotalSeconds:F1} s");
        await load.All[0].PutAsync("a", "new");

        // As long as its Patroni is suspended, the former primary believes that it is one.
        await former.ResumeAsync(NodePart.PostgreSql);
        Task<Recorded> fenced = alone.GetAsync("a");
        Assert.Equal("old", (await alone.GetPatientlyAsync("a", fenced: false)).Value);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => fenced);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await alone.CountAsync(new ListQuery { Limit = 1 }));
        Assert.Equal("old", (await alone.GetPatientlyAsync("a", fenced: false)).Value);

        // It becomes a standby, which the store refuses.
        Task repair = cluster.RepairAsync();
        while (!repair.IsCompleted) await Assert.ThrowsAsync<StoreUnavailableException>(() => alone.GetAsync("a"));
        await repair;
        Assert.Equal("new", (await load.All[0].GetAsync("a")).Value);
        output.WriteLine(await load.StopAsync());
    });
}
