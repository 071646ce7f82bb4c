using KestrelKv.Storage.Tests;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>A synchronous standby becomes the primary. The former primary then waits for a standby that is absent.</summary>
public sealed class FailoverTests : IAsyncLifetime
{
    private const int Writers = 4;

    private readonly PostgresServer _first = new();
    private readonly RecordingLogger _log = new();
    private readonly string _schema = PostgresServer.NewSchema();
    private PostgresServer _second = null!;

    private string Hosts => PostgresServer.Connection(_first.Port).Replace(
        "127.0.0.1", $"127.0.0.1,127.0.0.1:{_second.Port}", StringComparison.Ordinal);

    public async Task InitializeAsync()
    {
        await _first.InitializeAsync();
        _second = await _first.AddStandbyAsync();
    }

    public async Task DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
    }

    [Fact]
    public async Task Calls_PrimaryKilledAndRestarted_UseTheNewPrimaryAndLoseNothing()
    {
        using var probe = new MetricsProbe();
        await using PostgresStore store = await OpenAsync(probe: probe);
        using var watch = new OpenWatch(store);
        using var stop = new CancellationTokenSource();
        Task<long>[] writers = [.. Enumerable.Range(0, Writers).Select(
            i => Task.Run(() => Calls.CountAsync(store, $"counter{i}", stop.Token)))];
        await WaitForWritesAsync(store);

        await _first.KillAsync();
        await PromoteAsync();
        await WaitForWritesAsync(store);

        // It accepts connections and does not know that it was replaced.
        await _first.RestartAsync();
        await WaitForZombieAsync();
        await WaitForWritesAsync(store);
        await stop.CancelAsync();
        long[] acknowledged = await Task.WhenAll(writers);
        for (int i = 0; i < Writers; i++) Assert.Equal($"{acknowledged[i]}", (await store.GetAsync($"counter{i}")).Value);
        await watch.ReadToAsync(acknowledged.Sum());
        Assert.Equal(Enumerable.Range(1, (int)acknowledged.Sum()).Select(version => (long)version), watch.Versions);

        await AssertZombieIsUnusedAsync();
        Assert.Equal(1, probe.Read("kestrelkv.postgres.failovers"));
        Assert.Contains($"127.0.0.1:{_second.Port}", Assert.Single(_log.Of(707)), StringComparison.Ordinal);

        // A server that starts while both accept connections.
        await using PostgresStore late = await Calls.OpenAsync(Hosts, _schema);
        Assert.Equal($"{acknowledged[0] + 1}", (await late.IncrementAsync("counter0")).Value);
        await AssertZombieIsUnusedAsync();
    }

    /// <summary>Trips to a suspended server hang. Without the monitor, these calls would take as long as their timeout.</summary>
    [Fact]
    public async Task Calls_PrimarySuspended_MoveToTheNewPrimaryBeforeTheirTimeout()
    {
        await using PostgresStore store = await OpenAsync(requestSeconds: 600);
        using var watch = new OpenWatch(store);
        await store.PutAsync("a", "1");
        await watch.ReadToAsync(1);
        await _first.SuspendAsync();
        Task<Recorded> read = store.GetAsync("a"), unfenced = store.GetAsync("a", fenced: false), write = store.IncrementAsync("b");
        Task<long> count = store.CountAsync(new ListQuery { Limit = 10 }).AsTask();
        await Task.Delay(TimeSpan.FromSeconds(0.5));
        Assert.False(read.IsCompleted || unfenced.IsCompleted || write.IsCompleted || count.IsCompleted);

        await PromoteAsync();
        Assert.Equal("1", (await read.WaitAsync(Wait.Patience)).Value);
        Assert.Equal("1", (await unfenced.WaitAsync(Wait.Patience)).Value);
        Assert.Equal("1", (await write.WaitAsync(Wait.Patience)).Value);
        Assert.InRange(await count.WaitAsync(Wait.Patience), 1, 2);
        await watch.ReadToAsync(2);

        // The suspended server continues with open transactions, and accepts connections.
        await _first.ResumeAsync();
        await WaitForZombieAsync();
        Assert.Equal("2", (await store.IncrementAsync("b")).Value);
        await watch.ReadToAsync(3);
        Assert.Equal([1L, 2L, 3L], watch.Versions);
        await AssertZombieIsUnusedAsync();
    }

    /// <summary>A write whose COMMIT is in flight has an unknown outcome. It is determined on the new primary.</summary>
    [Fact]
    public async Task Write_PrimarySuspendedDuringCommit_IsResolvedByTheNewPrimary()
    {
        using var probe = new MetricsProbe();
        await using PostgresStore store = await OpenAsync(requestSeconds: 600, probe);
        await store.IncrementAsync("a");
        await _first.QueryAsync(
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON commits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
            """,
            _schema);
        Task<Recorded> write = store.IncrementAsync("a");
        await Wait.UntilAsync(
            async () => await _first.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") is 1L,
            () => "the commit does not begin");
        await _first.SuspendAsync();
        await PromoteAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => write.WaitAsync(Wait.Patience));
        Assert.Equal(1, probe.Read("kestrelkv.postgres.outcomes[aborted]"));
        await _first.ResumeAsync();
        Assert.Equal("2", (await store.IncrementAsync("a")).Value);
    }

    [Fact]
    public async Task OpenAsync_OnlyStandby_Throws()
    {
        UnsuitableDatabaseException e = await Assert.ThrowsAsync<UnsuitableDatabaseException>(
            () => Calls.OpenAsync(PostgresServer.Connection(_second.Port), _schema));
        Assert.Equal(
            $"The store cannot be opened. No primary was found: 127.0.0.1:{_second.Port} is a standby.", e.Message);
    }

    private Task<PostgresStore> OpenAsync(double requestSeconds = 10, MetricsProbe? probe = null) =>
        Calls.OpenAsync(Hosts, _schema, requestSeconds: requestSeconds, standby: true, logger: _log, metrics: probe?.Metrics);

    /// <summary>Promotes the standby. It has no standby itself, so its commits do not wait.</summary>
    private async Task PromoteAsync()
    {
        await _second.PromoteAsync();
        await _second.SetAsync("synchronous_standby_names", "");
    }

    private static Task WaitForWritesAsync(PostgresStore store)
    {
        long version = store.GetStats().Version;
        return Wait.UntilAsync(() => store.GetStats().Version > version + 20, () => "no write succeeds");
    }

    /// <summary>Waits until the store observes the former primary again, with a fence that is not acknowledged.</summary>
    private Task WaitForZombieAsync() => Wait.UntilAsync(
        async () => await _first.QueryAsync(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'kestrelkv probe' AND wait_event = 'SyncRep'") is true,
        () => "the store does not observe the former primary");

    private async Task AssertZombieIsUnusedAsync() => Assert.Equal(
        0L,
        await _first.QueryAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kestrelkv' AND wait_event IS DISTINCT FROM 'SyncRep'"));
}
