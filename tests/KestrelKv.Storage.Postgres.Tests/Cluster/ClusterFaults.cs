using KestrelKv.Storage.Postgres.Tests.Cluster.Load;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>The faults of a cluster under load. Each leaves a cluster that <see cref="PatroniCluster.RepairAsync"/> completes.</summary>
internal sealed class ClusterFaults(PatroniCluster cluster, ClusterLoad load, Random random)
{
    /// <summary>The faults by name.</summary>
    public static readonly IReadOnlyDictionary<string, Func<ClusterFaults, ClusterNode, ClusterNode, Task>> All =
        new Dictionary<string, Func<ClusterFaults, ClusterNode, ClusterNode, Task>>
        {
            ["primary's postmaster killed"] = (_, primary, _) => primary.KillAsync(NodePart.PostgreSql),
            ["primary node killed"] = (_, primary, _) => primary.KillAsync(NodePart.Both),
            ["backend killed"] = (_, primary, _) => KillBackendAsync(primary),
            ["switchover"] = (faults, primary, _) => faults.SwitchOverAsync(primary),
            ["primary's PostgreSQL suspended"] = (faults, primary, _) => faults.SupersedeAsync(primary, NodePart.PostgreSql),
            ["primary's Patroni suspended"] = (faults, primary, _) => faults.SupersedeAsync(primary, NodePart.Patroni),
            ["primary node suspended"] = (faults, primary, _) => faults.SupersedeAsync(primary, NodePart.Both),
            ["standby's postmaster killed"] = (_, _, standby) => standby.KillAsync(NodePart.PostgreSql),
            ["standby node killed"] = (_, _, standby) => standby.KillAsync(NodePart.Both),
            ["standby node suspended"] = (_, _, standby) => standby.SuspendAsync(NodePart.Both),
            ["etcd restarted"] = (faults, _, _) => faults.RestartEtcdAsync(),
            ["waits canceled"] = (faults, primary, _) => faults.InterruptWaitsAsync(primary, "pg_cancel_backend", killsPrimary: false),
            ["waits terminated"] = (faults, primary, _) => faults.InterruptWaitsAsync(primary, "pg_terminate_backend", killsPrimary: false),
            ["waits canceled, primary node killed"] =
                (faults, primary, _) => faults.InterruptWaitsAsync(primary, "pg_cancel_backend", killsPrimary: true),
            ["waits terminated, primary node killed"] =
                (faults, primary, _) => faults.InterruptWaitsAsync(primary, "pg_terminate_backend", killsPrimary: true),
        };

    /// <summary>Kills a backend with SIGKILL. The postmaster then ends all of them and recovers.</summary>
    private static Task KillBackendAsync(ClusterNode primary) => Wait.UntilAsync(
        async () =>
        {
            object?[] row = await primary.QueryAsync(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'kestrelkv' ORDER BY backend_xid IS NULL, random() LIMIT 1");
            if (row.Length > 0) await TemporaryProcesses.SignalAsync("KILL", (int)row[0]!);
            return row.Length > 0;
        },
        () => "there is no backend to kill");

    /// <summary>Suspends a primary until another has replaced it and has acknowledged writes. Then the primary resumes.</summary>
    private async Task SupersedeAsync(ClusterNode primary, NodePart part)
    {
        await primary.SuspendAsync(part);
        await cluster.WaitForPrimaryOtherThanAsync(primary);
        await load.EndRoundAsync();
        if (part == NodePart.Both && random.Next(2) == 0)
        {
            await primary.ResumeAsync(NodePart.PostgreSql);
            await PauseAsync(5);
        }
        await primary.ResumeAsync(part);
    }

    private async Task SwitchOverAsync(ClusterNode primary)
    {
        // Patroni refuses it until it has seen that the standbys are complete.
        await Wait.UntilAsync(primary.SwitchoverAsync, () => $"Patroni does not replace {primary.Name}");
        await cluster.WaitForPrimaryOtherThanAsync(primary);
    }

    private async Task RestartEtcdAsync()
    {
        await cluster.KillEtcdAsync();
        await PauseAsync(ClusterSettings.Ttl + 5);
        await cluster.StartEtcdAsync();
    }

    /// <summary>
    /// Suspends all standbys, and interrupts the transactions that wait for them: their commits become visible, but no standby has them. If
    /// the primary is then killed, they are lost.
    /// </summary>
    private async Task InterruptWaitsAsync(ClusterNode primary, string interrupt, bool killsPrimary)
    {
        ClusterNode[] standbys = [.. cluster.All.Where(node => node != primary)];
        foreach (ClusterNode standby in standbys) await standby.SuspendAsync(NodePart.PostgreSql);
        string interruptAll = $"SELECT {interrupt}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        for (int i = random.Next(1, 5); i > 0; i--)
        {
            await Wait.UntilAsync(
                async () => (await primary.QueryAsync(interruptAll)).Length > 0,
                () => "no transaction waits for the standby");
        }
        await PauseAsync(2);
        if (killsPrimary) await primary.KillAsync(NodePart.Both);
        foreach (ClusterNode standby in standbys) await standby.ResumeAsync(NodePart.PostgreSql);
        if (killsPrimary) await cluster.WaitForPrimaryOtherThanAsync(primary);
    }

    private Task PauseAsync(int secondsMax) => Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * secondsMax));
}
