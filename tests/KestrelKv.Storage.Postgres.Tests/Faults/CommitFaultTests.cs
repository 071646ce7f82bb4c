using KestrelKv.Storage.Tests;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>Commits that fail at each of their steps. Each write takes effect exactly once, or not at all if its call failed.</summary>
public sealed class CommitFaultTests(PostgresServer server) : IClassFixture<PostgresServer>, IAsyncLifetime, IDisposable
{
    /// <summary>
    /// The time after which a trip is abandoned, in seconds: less than that after which the database ends the transaction of a stopped
    /// server.
    /// </summary>
    private const double RequestSeconds = 1.5;

    private readonly string _schema = PostgresServer.NewSchema();
    private readonly CommitProxy _proxy = new(server.Port);
    private PostgresStore _store = null!;

    public async Task InitializeAsync() =>
        _store = await Calls.OpenAsync(server, _schema, port: _proxy.Port, requestSeconds: RequestSeconds);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    public void Dispose() => _proxy.Dispose();

    [Theory]
    [InlineData("claims", "BEFORE INSERT", "")]
    [InlineData("entries", "BEFORE INSERT", "")]
    [InlineData("changes", "BEFORE INSERT", "")]
    [InlineData("commits", "BEFORE INSERT", "")]
    [InlineData("commits", "AFTER INSERT", "DEFERRABLE INITIALLY DEFERRED")]
    public async Task Write_BackendTerminatedAtAStep_IsAbortedAndCanBeRepeated(string table, string when, string deferred)
    {
        await AddTriggerAsync(table, when, deferred, "PERFORM pg_terminate_backend(pg_backend_pid());");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.IncrementAsync("a"));
        Assert.Equal(false, await server.QueryAsync("SELECT committed FROM claims", _schema));
        Assert.Equal(new(0, ResultStatus.Done, 1, 0, Value: "1"), await _store.IncrementAsync("a"));
        await AssertConsistentAsync("1");
    }

    [Fact]
    public async Task Write_StatementRefused_IsUnavailableAndCanBeRepeated()
    {
        await AddTriggerAsync("commits", "BEFORE INSERT", "", "RAISE EXCEPTION 'refused by the test';");
        StoreUnavailableException e = await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.IncrementAsync("a"));
        Assert.Contains("refused by the test", e.Message, StringComparison.Ordinal);
        Assert.Equal("1", (await _store.IncrementAsync("a")).Value);
        await AssertConsistentAsync("1");
    }

    [Fact]
    public async Task Write_ConnectionCutBeforeCommit_IsAborted()
    {
        _proxy.Arm(CommitFault.CutBefore);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.IncrementAsync("a"));
        Assert.True(_proxy.HasFired);
        await _store.IncrementAsync("a");
        await AssertConsistentAsync("1");
    }

    [Fact]
    public async Task Write_ReplyToCommitLost_Completes()
    {
        _proxy.Arm(CommitFault.CutAfter);
        Assert.Equal(new(0, ResultStatus.Done, 1, 0, Value: "1"), await _store.IncrementAsync("a"));
        Assert.True(_proxy.HasFired);
        await _store.IncrementAsync("a");
        await AssertConsistentAsync("2");
    }

    /// <summary>The store abandons the trip, but its transaction is still open. The resolver waits for its end.</summary>
    [Fact]
    public async Task Write_CommitTakesLongerThanTheRequest_Completes()
    {
        await AddTriggerAsync("commits", "AFTER INSERT", "DEFERRABLE INITIALLY DEFERRED", "PERFORM pg_sleep(2.5);");
        Assert.Equal("1", (await _store.IncrementAsync("a")).Value);
        Assert.Equal(true, await server.QueryAsync("SELECT is_called FROM faults", _schema));
        await AssertConsistentAsync("1");
    }

    /// <summary>A group that arrives after the resolver has aborted it cannot commit any more.</summary>
    [Fact]
    public async Task Write_CommitArrivesAfterTheResolver_IsRefused()
    {
        Task<Recorded> write = await WriteUntilHeldAsync(CommitFault.Hold);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        _proxy.Release();
        await _store.IncrementAsync("a");
        await AssertConsistentAsync("1");
    }

    /// <summary>
    /// A server that stops while it holds the writer lock. The others continue after the database ends its transaction. If a part of the commit
    /// has arrived, the transaction is not idle for the database, and another server ends it.
    /// </summary>
    [Theory]
    [InlineData(false, 5)]
    [InlineData(true, 15)]
    public async Task Write_OtherServerStopsWithTheLock_ContinuesSoon(bool isHalfSent, int secondsMax)
    {
        await using PostgresStore other = await Calls.OpenAsync(server, _schema, requestSeconds: 60);
        Task<Recorded> write = await WriteUntilHeldAsync(isHalfSent ? CommitFault.HoldHalf : CommitFault.Hold);
        Assert.Equal("1", (await other.IncrementAsync("a").WaitAsync(TimeSpan.FromSeconds(secondsMax))).Value);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        _proxy.Release();
        await AssertConsistentAsync("1");
    }

    /// <summary>
    /// A part of the store's own commit has arrived, and the rest is abandoned. The transaction is not idle for the database, so the resolver
    /// ends it.
    /// </summary>
    [Fact]
    public async Task Write_CommitArrivesInPart_IsAborted()
    {
        Task<Recorded> write = await WriteUntilHeldAsync(CommitFault.HoldHalf);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        Assert.Equal("1", (await _store.IncrementAsync("a")).Value);
        _proxy.Release();
        await AssertConsistentAsync("1");
    }

    /// <summary>A backend that is terminated while it waits for the lock has changed nothing. The store repeats the trip itself.</summary>
    [Fact]
    public async Task Write_BackendTerminatedWhileItWaitsForTheLock_Completes()
    {
        await _store.PutAsync("b", "1");
        Task holding = server.QueryAsync(
            $"BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('kestrelkv:{_schema}', 0)); SELECT pg_sleep(0.3); COMMIT");
        await WaitForBackendAsync("wait_event = 'PgSleep'");
        Task<Recorded> write = _store.IncrementAsync("a");
        await WaitForBackendAsync("wait_event = 'advisory'");
        await server.QueryAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'");
        Assert.Equal("1", (await write).Value);
        await holding;
    }

    /// <summary>Starts a write, and repeats it if its first trip is late on a busy machine. Returns it when its COMMIT is held.</summary>
    private async Task<Task<Recorded>> WriteUntilHeldAsync(CommitFault fault)
    {
        _proxy.Arm(fault);
        while (true)
        {
            Task<Recorded> write = _store.IncrementAsync("a");
            if (await Task.WhenAny(_proxy.Held, write) != write) return write;
            await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        }
    }

    /// <summary>Executes statements in the first group that reaches a step.</summary>
    private async Task AddTriggerAsync(string table, string when, string deferred, string statements)
    {
        await server.QueryAsync(
            $"""
            CREATE SEQUENCE faults;
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('faults') = 1 THEN {statements} END IF;
                RETURN NEW;
            END $$;
            CREATE {(deferred.Length > 0 ? "CONSTRAINT" : "")} TRIGGER fault {when} ON {table} {deferred}
                FOR EACH ROW EXECUTE FUNCTION fault();
            """,
            _schema);
    }

    private Task WaitForBackendAsync(string condition) => Wait.UntilAsync(
        async () => await server.QueryAsync($"SELECT count(*) > 0 FROM pg_stat_activity WHERE {condition}") is true,
        () => $"no backend has {condition}");

    /// <summary>Asserts the value of the counter, and that versions, changes and totals agree with it.</summary>
    private async Task AssertConsistentAsync(string value)
    {
        Recorded counter = await _store.GetPatientlyAsync("a");
        Assert.Equal((value, value), (counter.Value, $"{counter.Version}"));
        Assert.Equal(
            $"{value} 1 2 {value}",
            await server.QueryAsync(
                "SELECT concat_ws(' ', last_version, keys, bytes, (SELECT count(*) FROM changes)) FROM commits " +
                "ORDER BY last_version DESC LIMIT 1",
                _schema));
    }
}
