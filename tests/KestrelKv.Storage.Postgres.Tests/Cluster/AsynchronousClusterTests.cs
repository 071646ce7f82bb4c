using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Tests the tests: on a cluster whose commits wait for no standby, the checks of the load must fail.</summary>
public sealed class AsynchronousClusterTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly PatroniCluster _cluster = new(new(IsSynchronous: false));

    public async Task InitializeAsync()
    {
        if (SoakFactAttribute.WhyNot() is null) await _cluster.InitializeAsync();
    }

    public async Task DisposeAsync()
    {
        if (SoakFactAttribute.WhyNot() is null) await _cluster.DisposeAsync();
    }

    [SoakFact]
    public Task Calls_PrimaryKilledBeforeItsCommitsAreReplicated_FailTheChecks() => Seeds.RunAsync(async random =>
    {
        (ClusterNode primary, _) = await _cluster.RepairAsync();
        ClusterNode[] standbys = [.. _cluster.All.Where(node => node != primary)];
        string schema = PostgresServer.NewSchema();
        await using ClusterLoad load = await ClusterLoad.StartAsync(_ => _cluster.OpenStoreAsync(schema), random);
        await load.BeginRoundAsync();

        // The suspended Patroni does not repair the connection of its standby.
        foreach (ClusterNode standby in standbys)
        {
            await standby.SuspendAsync(NodePart.Patroni);
            await standby.QueryAsync("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
            await standby.QueryAsync("SELECT pg_reload_conf()");
        }
        await Wait.UntilAsync(
            async () => (await primary.QueryAsync("SELECT count(*) FROM pg_stat_replication"))[0] is 0L,
            () => "the standbys still replicate");
        await load.BeginRoundAsync();
        await primary.KillAsync(NodePart.Both);
        foreach (ClusterNode standby in standbys) await standby.ResumeAsync(NodePart.Patroni);
        await _cluster.WaitForPrimaryOtherThanAsync(primary);

        XunitException failure = await Assert.ThrowsAnyAsync<XunitException>(async () =>
        {
            await load.EndRoundAsync();
            await load.BeginRoundAsync();
            await load.StopAsync();
        });
        output.WriteLine(failure.Message);
        Assert.DoesNotContain(ClusterLoad.NoWrites, failure.Message, StringComparison.Ordinal);
    });
}
