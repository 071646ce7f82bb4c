using System.Diagnostics;
using KestrelKv.Storage.Postgres.Tests.Faults;
using KestrelKv.Storage.Tests;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Servers that stop, and servers that start, on a cluster without other faults.</summary>
[Collection(SharedCluster.Name)]
public sealed class DoorTests(PatroniCluster cluster)
{
    /// <summary>The database ends the transaction after 2 s. The limit leaves room for a busy machine.</summary>
    private static readonly TimeSpan LockHeldMax = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task Write_OtherServerStoppedWithTheLock_ContinuesSoon()
    {
        ClusterNode primary = await cluster.PrimaryAsync();
        string schema = PostgresServer.NewSchema();
        using var proxy = new CommitProxy(primary.Port);
        await using PostgresStore stopped = await Calls.OpenAsync(
            new ClusterNode("proxy", primary.Host, proxy.Port, 0, "").ConnectionString, schema);
        await using PostgresStore first = await cluster.OpenStoreAsync(schema), second = await cluster.OpenStoreAsync(schema);
        await first.IncrementAsync("a");
        proxy.Arm(CommitFault.Hold);
        Task<Recorded> write = stopped.IncrementAsync("a");
        await proxy.Held;
        Recorded[] results = await Task.WhenAll(first.IncrementAsync("a"), second.IncrementAsync("a")).WaitAsync(LockHeldMax);
        Assert.Equal(["2", "3"], results.Select(result => result.Value).Order());
        await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        Assert.Equal("3", (await stopped.GetAsync("a")).Value);
    }

    /// <summary>The limit is generous: it takes much less than a second on a quiet machine.</summary>
    [Fact]
    public async Task OpenAsync_ExistingStore_AnswersSoon()
    {
        await cluster.PrimaryAsync();
        string schema = PostgresServer.NewSchema();
        await using (PostgresStore first = await cluster.OpenStoreAsync(schema)) await first.PutAsync("a", "1");
        var clock = Stopwatch.StartNew();
        await using PostgresStore second = await cluster.OpenStoreAsync(schema);
        Assert.Equal("1", (await second.GetAsync("a")).Value);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"{clock.Elapsed.TotalSeconds:F1} s");
    }
}
