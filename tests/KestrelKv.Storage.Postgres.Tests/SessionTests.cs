using KestrelKv.Storage.Postgres.Sessions;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The limit of sessions.</summary>
public sealed class SessionTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private const int SessionsMax = 4;

    [Fact]
    public async Task EnterAsync_OtherKindsHoldAllTheyMay_WritesEnter()
    {
        var slots = new SessionSlots(SessionsMax);
        await slots.EnterAsync(TripKind.List, Wait.Patience, default);
        TimeoutException e = await Assert.ThrowsAsync<TimeoutException>(() => slots.EnterAsync(TripKind.CatchUp, TimeSpan.Zero, default));
        Assert.Contains("SessionsMax is 4", e.Message, StringComparison.Ordinal);
        await slots.EnterAsync(TripKind.Read, Wait.Patience, default);
        await Assert.ThrowsAsync<TimeoutException>(() => slots.EnterAsync(TripKind.Feed, TimeSpan.Zero, default));
        await slots.EnterAsync(TripKind.Begin, Wait.Patience, default);
        await slots.EnterAsync(TripKind.Resolve, Wait.Patience, default);
        await Assert.ThrowsAsync<TimeoutException>(() => slots.EnterAsync(TripKind.UnfencedRead, TimeSpan.Zero, default));

        slots.Exit(TripKind.List);
        await slots.EnterAsync(TripKind.CatchUp, TimeSpan.Zero, default);
        await Assert.ThrowsAsync<TimeoutException>(() => slots.EnterAsync(TripKind.Begin, TimeSpan.Zero, default));
    }

    [Fact]
    public async Task EnterAsync_Backup_TakesNoSessionOfOthers()
    {
        var slots = new SessionSlots(SessionsMax);
        await slots.EnterAsync(TripKind.Backup, TimeSpan.Zero, default);
        for (int i = 0; i < SessionsMax - 1; i++) await slots.EnterAsync(TripKind.Begin, TimeSpan.Zero, default);
        await slots.EnterAsync(TripKind.List, TimeSpan.Zero, default);
        await Assert.ThrowsAsync<TimeoutException>(() => slots.EnterAsync(TripKind.Backup, TimeSpan.Zero, default));
        slots.Exit(TripKind.Backup);
        await slots.EnterAsync(TripKind.Backup, TimeSpan.Zero, default);
    }

    [Fact]
    public async Task Calls_ManyThatBlock_UseAtMostTheMaximum()
    {
        string schema = PostgresServer.NewSchema();
        await using PostgresStore store = await Calls.OpenAsync(
            server.ConnectionString, schema, requestSeconds: 600, sessionsMax: SessionsMax);
        await store.PutAsync("a", "1");
        await using var connection = new NpgsqlConnection($"{server.ConnectionString};Pooling=false");
        await connection.OpenAsync();
        await using (var block = new NpgsqlCommand($"BEGIN; LOCK TABLE {schema}.entries IN ACCESS EXCLUSIVE MODE", connection))
            await block.ExecuteNonQueryAsync();
        Task<long>[] counts = [.. Enumerable.Range(0, 30).Select(_ => store.CountAsync(new ListQuery { Limit = 10 }).AsTask())];
        await WaitForBlockedAsync(1);
        Task<Recorded> read = store.GetAsync("a"), unfenced = store.GetAsync("a", fenced: false), write = store.PutAsync("b", "1");
        await WaitForBlockedAsync(4);
        Assert.Equal((long)SessionsMax, await CountSessionsAsync());
        await using (var release = new NpgsqlCommand("ROLLBACK", connection)) await release.ExecuteNonQueryAsync();
        Assert.Equal("1", (await read).Value);
        Assert.Equal("1", (await unfenced).Value);
        Assert.Equal(2, (await write).Version);
        Assert.All(await Task.WhenAll(counts), count => Assert.InRange(count, 1, 2));
        Assert.InRange((long)(await CountSessionsAsync())!, 1, SessionsMax);
    }

    /// <summary>Abandoned trips wait for the standby, and count until they end. The sessions reserved for others remain.</summary>
    [Fact]
    public async Task Calls_AbandonedTrips_CountUntilTheyEnd()
    {
        using var probe = new MetricsProbe();
        string schema = PostgresServer.NewSchema();
        await using (PostgresStore first = await Calls.OpenAsync(server, schema)) await first.PutAsync("a", "1");
        await using PostgresStore store = await Calls.OpenAsync(
            server.ConnectionString, schema, requestSeconds: 1, sessionsMax: SessionsMax, metrics: probe.Metrics);
        await server.SetAsync("synchronous_standby_names", "absent");
        try
        {
            for (int i = 0; i < SessionsMax; i++)
            {
                await Assert.ThrowsAsync<StoreUnavailableException>(() => store.GetAsync("a"));
                await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.CountAsync(new ListQuery { Limit = 1 }));
            }
            Assert.InRange(probe.Read("kestrelkv.postgres.sessions[abandoned]"), 1, SessionsMax - 2);
            Assert.InRange((long)(await CountSessionsAsync())!, 1, SessionsMax);
            Assert.Equal("1", (await store.GetPatientlyAsync("a", fenced: false)).Value);
        }
        finally
        {
            await server.SetAsync("synchronous_standby_names", "");
        }
        Assert.Equal("1", (await store.GetPatientlyAsync("a")).Value);
        await Wait.UntilAsync(() => probe.Read("kestrelkv.postgres.sessions[abandoned]") == 0, () => "abandoned sessions remain");
    }

    private Task WaitForBlockedAsync(long count) => Wait.UntilAsync(
        async () => Equals(count, await server.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'relation'")),
        () => $"there are not {count} blocked sessions");

    private Task<object?> CountSessionsAsync() =>
        server.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kestrelkv'");
}
