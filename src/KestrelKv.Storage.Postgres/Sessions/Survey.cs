namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Finds the primary among the hosts.</summary>
/// <remarks>
/// <para>
/// All hosts are checked at once. A server that accepts writes is a candidate. A suspended primary that was superseded and continues is one
/// too. If there are several candidates, the primary is the first that acknowledges a fence: a superseded server with synchronous
/// replication never does. The interface of a cluster manager is therefore not needed, and its answer would prove less: it may be outdated
/// when it arrives.
/// </para>
/// <para>A candidate that acknowledges a fence is used at once, without a wait for hosts that do not answer.</para>
/// </remarks>
internal static class Survey
{
    /// <summary>The time for which all hosts may answer before candidates are fenced.</summary>
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The time for which the current primary may acknowledge its fence after another host did. Without synchronous replication several
    /// hosts do, and the current primary remains.
    /// </summary>
    private static readonly TimeSpan Preference = TimeSpan.FromSeconds(1);

    /// <param name="hosts">The hosts.</param>
    /// <param name="current">The current primary, which is preferred; null if there is none.</param>
    /// <param name="timeout">The maximum wait for a fence.</param>
    /// <exception cref="NoPrimaryException">There is no candidate, or no one of several acknowledges a fence.</exception>
    public static async Task<HostReport> RunAsync(IReadOnlyList<Host> hosts, Host? current, TimeSpan timeout)
    {
        Task<HostReport>[] checks = [.. hosts.Select(host => host.Probe.CheckAsync())];
        Task<HostReport[]> all = Task.WhenAll(checks);
        if (hosts.Count > 1) await Task.WhenAny(all, Task.Delay(FirstWait));
        else await all;
        if (all.IsCompleted && OnlyCandidate(await all) is { } first) return first;

        List<Task<HostReport?>> confirmations = [.. checks.Select(check => ConfirmAsync(check, timeout))];
        int preferred = current is null ? -1 : hosts.ToList().IndexOf(current);
        Task<HostReport?>? ofCurrent = preferred < 0 ? null : confirmations[preferred];
        while (confirmations.Count > 0)
        {
            Task<HostReport?> done = await Task.WhenAny(confirmations);
            confirmations.Remove(done);
            if (await done is not { } confirmed) continue;
            if (ofCurrent is null || done == ofCurrent) return confirmed;
            await Task.WhenAny(ofCurrent, Task.Delay(Preference));
            return ofCurrent.IsCompleted && await ofCurrent is { } remaining ? remaining : confirmed;
        }
        return OnlyCandidate(await all) ?? throw new NoPrimaryException(await all);
    }

    private static HostReport? OnlyCandidate(HostReport[] reports) =>
        reports.Count(report => report.IsPrimary) == 1 ? Array.Find(reports, report => report.IsPrimary) : null;

    /// <summary>Returns the report of a candidate that acknowledges a fence; otherwise null.</summary>
    private static async Task<HostReport?> ConfirmAsync(Task<HostReport> check, TimeSpan timeout)
    {
        HostReport report = await check;
        if (!report.IsPrimary) return null;
        try
        {
            await report.Host.Probe.FenceAsync().WaitAsync(timeout);
            return report;
        }
        catch (Exception)
        {
            // The fence waits for a standby, or failed.
            return null;
        }
    }
}
