using KestrelKv.Storage.Tests;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>
/// A server whose synchronous standby is absent: each commit waits for it. This is what a superseded primary looks like.
/// </summary>
public sealed class StandbyTests(PostgresServer server) : IClassFixture<PostgresServer>, IAsyncLifetime
{
    private readonly string _schema = PostgresServer.NewSchema();
    private PostgresStore _store = null!;

    public async Task InitializeAsync()
    {
        await using (PostgresStore first = await Calls.OpenAsync(server, _schema)) await first.PutAsync("a", "old");
        _store = await Calls.OpenAsync(server, _schema, requestSeconds: 1);
    }

    public async Task DisposeAsync()
    {
        await SetStandbyAsync("");
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Reads_WithoutStandby_FailUnlessTheyWaiveTheFence()
    {
        await SetStandbyAsync("absent");
        Task<Recorded> fenced = _store.GetAsync("a");
        await WaitForCommitAsync();
        Assert.Equal("old", (await _store.GetPatientlyAsync("a", fenced: false)).Value);
        Assert.False(fenced.IsCompleted);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => fenced);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await _store.CountAsync(new ListQuery { Limit = 1 }));
        await SetStandbyAsync("");
        Assert.Equal("old", (await _store.GetPatientlyAsync("a")).Value);
    }

    [Fact]
    public async Task Write_WithoutStandby_CompletesWhenItIsBack()
    {
        await SetStandbyAsync("absent");
        Task<Recorded> write = _store.PutAsync("a", "new");
        await WaitForCommitAsync();
        Assert.Equal("old", (await _store.GetPatientlyAsync("a", fenced: false)).Value);
        await Task.Delay(TimeSpan.FromSeconds(1.5)); // The request is late, and its outcome is being determined.
        Assert.False(write.IsCompleted);
        await SetStandbyAsync("");
        Assert.Equal(2, (await write).Version);
    }

    /// <summary>
    /// An interrupted wait makes a commit visible that no standby has. The server reports a canceled wait as success, with a warning.
    /// </summary>
    [Theory]
    [InlineData("pg_cancel_backend")]
    [InlineData("pg_terminate_backend")]
    public async Task Write_WaitForStandbyInterrupted_CompletesAfterAFence(string interrupt)
    {
        await SetStandbyAsync("absent");
        Task<Recorded> write = _store.PutAsync("a", "new");
        await WaitForCommitAsync();
        await server.QueryAsync($"SELECT {interrupt}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_xid IS NOT NULL");
        await Wait.UntilAsync(
            async () => (await _store.GetPatientlyAsync("a", fenced: false)).Value == "new", () => "the commit does not become visible");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.GetAsync("a"));
        Assert.False(write.IsCompleted);
        using var watch = new OpenWatch(_store, from: 2);
        await Assert.ThrowsAsync<StoreUnavailableException>(watch.ReadAllAsync);
        Assert.Empty(watch.Changes);

        await SetStandbyAsync("");
        Assert.Equal(2, (await write).Version);
        await watch.ReadToAsync(2);
        Assert.Equal("new", Assert.Single(watch.Changes).Value);
    }

    /// <summary>
    /// A superseded primary lacks the last commits, and so does a database that lost them. Only a fence distinguishes the two: watches
    /// continue until it is acknowledged.
    /// </summary>
    [Fact]
    public async Task Reconnect_WithoutTheLastCommit_LosesHistoryOnlyAfterAFence()
    {
        await _store.PutAsync("a", "new");
        using var watch = new OpenWatch(_store, from: 2);
        await watch.ReadToAsync(2);
        await SetStandbyAsync("absent");
        await server.QueryAsync(
            """
            BEGIN;
            SET LOCAL synchronous_commit = local;
            LOCK TABLE commits IN ACCESS EXCLUSIVE MODE;
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'kestrelkv';
            CREATE TABLE lost AS SELECT * FROM commits WHERE last_version = 2;
            DELETE FROM commits WHERE last_version = 2;
            COMMIT;
            """,
            _schema);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.GetAsync("a"));
        Assert.DoesNotContain("lost", await _store.CheckAsync(), StringComparison.Ordinal);

        // The connections to the superseded primary end. The next ones lead to its successor.
        await server.QueryAsync(
            """
            BEGIN;
            SET LOCAL synchronous_commit = local;
            LOCK TABLE commits IN ACCESS EXCLUSIVE MODE;
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'kestrelkv';
            INSERT INTO commits SELECT * FROM lost;
            COMMIT;
            """,
            _schema);
        await SetStandbyAsync("");
        Assert.Equal("new", (await _store.GetPatientlyAsync("a")).Value);
        Assert.Equal(3, (await _store.PutAsync("a", "newer")).Version);
        await watch.ReadToAsync(3);
        Assert.Equal([2, 3], watch.Versions);
    }

    private Task WaitForCommitAsync() => Wait.UntilAsync(
        async () => await server.QueryAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") is true,
        () => "no commit waits for the standby");

    private Task SetStandbyAsync(string name) => server.SetAsync("synchronous_standby_names", name);
}
