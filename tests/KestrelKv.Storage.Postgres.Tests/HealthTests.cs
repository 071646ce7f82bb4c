using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Health, and the metrics that describe the database.</summary>
public sealed class HealthTests(PostgresServer server) : IClassFixture<PostgresServer>, IAsyncLifetime, IDisposable
{
    private readonly string _schema = PostgresServer.NewSchema();
    private readonly RecordingLogger _log = new();
    private readonly MetricsProbe _probe = new();
    private PostgresStore _store = null!;

    public async Task InitializeAsync() =>
        _store = await Calls.OpenAsync(server.ConnectionString, _schema, requestSeconds: 2, logger: _log, metrics: _probe.Metrics);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    public void Dispose() => _probe.Dispose();

    [Fact]
    public async Task CheckAsync_Commits_IsNull()
    {
        string?[] results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _store.CheckAsync()));
        Assert.All(results, Assert.Null);
        await WaitForAsync("kestrelkv.postgres.healthy", 1);
        Assert.Equal(1, _probe.Read("kestrelkv.postgres.replication.safe"));
    }

    [Fact]
    public async Task CheckAsync_StandbyAbsent_SaysThatCommitsWait()
    {
        await server.SetAsync("synchronous_standby_names", "absent");
        try
        {
            await WaitForHealthAsync("Commits wait for a synchronous standby");
        }
        finally
        {
            await server.SetAsync("synchronous_standby_names", "");
        }
        await WaitForHealthAsync(null);
    }

    [Fact]
    public async Task CheckAsync_ServerStopped_SaysThatItDoesNotAnswer()
    {
        await server.StopAsync();
        await WaitForHealthAsync("does not answer (Connection refused)");
        await Wait.UntilAsync(() => _log.Of(708).Length == 1, () => "the log does not name the lost primary");
        await WaitForAsync("kestrelkv.postgres.healthy", 0);
        await server.StartAsync();
        await WaitForHealthAsync(null);
        await WaitForAsync("kestrelkv.postgres.healthy", 1);
        Assert.Equal(0, _probe.Read("kestrelkv.postgres.failovers"));
    }

    [Fact]
    public async Task CheckAsync_ServerSuspended_SaysThatItDoesNotAnswer()
    {
        Assert.Null(await _store.CheckAsync());
        await server.SuspendAsync();
        await WaitForHealthAsync("does not answer");
        await server.ResumeAsync();
        await WaitForHealthAsync(null);
    }

    /// <summary>Sessions that are open become read-only as well. The store closes them.</summary>
    [Fact]
    public async Task CheckAsync_ServerBecomesReadOnly_SaysSoUntilItAcceptsWrites()
    {
        await _store.PutAsync("a", "1");
        await server.SetAsync("default_transaction_read_only", "on");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.PutAsync("a", "2"));
        await WaitForHealthAsync("is read-only");
        Assert.Equal(0, _probe.Read("kestrelkv.postgres.sessions[idle]"));
        await server.SetAsync("default_transaction_read_only", "off");
        await WaitForHealthAsync(null);
        Assert.Equal(2, (await _store.PutAsync("a", "2")).Version);
    }

    /// <summary>Calls are executed nevertheless. The log has one line when it begins and one when it ends.</summary>
    [Fact]
    public async Task CheckAsync_SettingBecomesUnsafe_NamesIt()
    {
        await server.SetAsync("full_page_writes", "off");
        await WaitForHealthAsync("full_page_writes of PostgreSQL is off");
        Assert.Equal(ResultStatus.Done, (await _store.PutAsync("a", "1")).Status);
        Assert.Equal(0, _probe.Read("kestrelkv.postgres.replication.safe"));
        await server.SetAsync("full_page_writes", "on");
        await WaitForHealthAsync(null);
        Assert.Single(_log.Of(709));
        Assert.Single(_log.Of(710));
    }

    [Fact]
    public async Task CheckAsync_TableMissing_SaysSoUntilItIsBack()
    {
        await server.QueryAsync("ALTER TABLE commits RENAME TO renamed", _schema);
        await WaitForHealthAsync("The tables cannot be read: 42P01: relation \"commits\" does not exist");
        StoreUnavailableException e = await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.PutAsync("a", "1"));
        Assert.StartsWith("The database refuses; the request was not executed: 42P01: ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.InRange(_probe.Read("kestrelkv.postgres.retries"), 1, double.MaxValue);
        await server.QueryAsync("ALTER TABLE renamed RENAME TO commits", _schema);
        await WaitForHealthAsync(null);
    }

    /// <summary>No further write is necessary to find out that writes succeed again: a load balancer sends none to an unready server.</summary>
    [Fact]
    public async Task CheckAsync_WriterLockHeldByOthers_SaysSoUntilItIsFree()
    {
        await using (await server.LockAsync(_schema))
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.PutAsync("a", "1"));
            await WaitForHealthAsync("the request was not executed");
        }
        await WaitForHealthAsync(null);
    }

    [Fact]
    public async Task CheckAsync_HistoryLost_SaysSoUntilTheStoreIsOpenedAgain()
    {
        await _store.PutAsync("a", "1");
        await server.QueryAsync("TRUNCATE commits", _schema);
        await _store.GetAsync("a");
        await WaitForHealthAsync("lost acknowledged commits");
        await using PostgresStore again = await Calls.OpenAsync(server, _schema);
        Assert.Null(await again.CheckAsync());
    }

    [Fact]
    public async Task Metrics_OfCalls_CountGroupsTripsAndFences()
    {
        using var watch = new OpenWatch(_store);
        await _store.PutAsync("a", "1");
        await watch.ReadToAsync(1);
        await _store.GetAsync("a");
        await _store.GetAsync("a", fenced: false);
        await _store.CountAsync(new ListQuery { Limit = 1 });
        foreach (string kind in (string[])["write", "read", "unfenced"])
            Assert.Equal(1, _probe.Read($"kestrelkv.postgres.group.size[{kind}]"));
        foreach (string trip in (string[])["begin", "commit", "read", "feed", "list"])
            Assert.InRange(_probe.Read($"kestrelkv.postgres.trip.duration[{trip}]"), double.Epsilon, double.MaxValue);
        Assert.InRange(_probe.Read("kestrelkv.postgres.fences"), 3, double.MaxValue);
        Assert.Equal(0, _probe.Read("kestrelkv.postgres.feed.lag"));
        Assert.InRange(_probe.Read("kestrelkv.postgres.sessions[idle]"), 1, 8);
        foreach (string outcome in (string[])["committed", "aborted", "unknown"])
            Assert.Equal(0, _probe.Read($"kestrelkv.postgres.outcomes[{outcome}]"));
    }

    private Task WaitForAsync(string gauge, double value) => Wait.UntilAsync(
        () => _probe.Read(gauge) == value, () => $"{gauge} does not become {value}");

    private Task WaitForHealthAsync(string? sentence) => Wait.UntilAsync(
        async () => await _store.CheckAsync() is var health
            && (sentence is null ? health is null : health?.Contains(sentence, StringComparison.Ordinal) is true),
        () => $"the health does not become {sentence ?? "good"}");
}
