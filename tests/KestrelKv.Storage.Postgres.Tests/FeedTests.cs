using System.Collections.Concurrent;
using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Postgres.Tests.Cluster;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Watches that start in the past, fall behind, or whose history is gone.</summary>
[Collection(SharedServer.Name)]
public sealed class FeedTests(PostgresServer server) : IAsyncLifetime
{
    private readonly string _schema = PostgresServer.NewSchema();
    private readonly TestTime _time = new();
    private PostgresStore _store = null!;

    public async Task InitializeAsync() => _store = await Calls.OpenAsync(server, _schema, _time);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(20)]
    [InlineData(21)]
    public async Task Watch_FromAnyVersion_DeliversAllChangesOnce(long from)
    {
        for (int i = 0; i < 20; i++) await _store.PutAsync($"k{i}", $"{i}");

        // Another server has no history in memory. Its first watch reads all of it from the database.
        await using PostgresStore other = await Calls.OpenAsync(server, _schema, _time);
        using var watch = new OpenWatch(other, from: from);
        await watch.ReadToAsync(20);
        for (int i = 20; i < 30; i++) await _store.PutAsync($"k{i}", $"{i}");
        await watch.ReadToAsync(30);
        Assert.Equal(Enumerable.Range((int)from, 31 - (int)from).Select(i => (long)i), watch.Versions);
        Assert.Equal(watch.Versions.Select(version => $"k{version - 1}"), watch.Changes.Select(change => change.Key));
    }

    [Fact]
    public async Task Watch_WithoutVersion_BeginsWithTheNextCommit()
    {
        await _store.PutAsync("a", "1");
        using var watch = new OpenWatch(_store);
        Assert.Equal(1, watch.Position);
        await _store.PutAsync("a", "2");
        await watch.ReadToAsync(2);
        Assert.Equal([new RecordedChange(ChangeKind.Put, 2, "a", "2")], watch.Changes);
    }

    [Fact]
    public async Task Watch_BeyondTheNextVersion_IsFuture()
    {
        await _store.PutAsync("a", "1");
        using var next = new OpenWatch(_store, from: 2);
        using var future = new OpenWatch(_store, from: 3);
        Assert.Equal(WatchStatus.UpToDate, await next.ReadAllAsync());
        Assert.Equal(WatchStatus.Future, await future.ReadAllAsync());
    }

    [Fact]
    public async Task Watch_AfterACallWithoutWatches_Continues()
    {
        using (var first = new OpenWatch(_store))
        {
            await _store.PutAsync("a", "1");
            await first.ReadToAsync(1);
        }
        for (int i = 0; i < 1_100; i += 100) await Task.WhenAll(Enumerable.Range(i, 100).Select(n => _store.PutAsync("b", $"{n}")));
        using var second = new OpenWatch(_store, from: 2);
        await second.ReadToAsync(1_101);
        Assert.Equal(Enumerable.Range(2, 1_100).Select(i => (long)i), second.Versions);
    }

    [Fact]
    public async Task Clean_AfterRetention_CompactsOldWatchesAndKeepsNewChanges()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync("a", $"{i}");
        using var behind = new OpenWatch(_store, from: 1);
        _time.Advance(TimeSpan.FromMinutes(2));
        await _store.PutAsync("a", "5");
        Assert.False(await _store.CleanAsync());
        Assert.Equal(WatchStatus.Compacted, await behind.ReadAllAsync());
        Assert.Equal(6, behind.OldestVersion);
        using var watch = new OpenWatch(_store, from: 6);
        await watch.ReadToAsync(6);
        Assert.Equal([6L], watch.Versions);
        Assert.Equal(1L, await server.QueryAsync("SELECT count(*) FROM commits", _schema));

        // The newest commit remains, however old it is: the next version follows it.
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(await _store.CleanAsync());
        Assert.Equal(7, (await _store.PutAsync("a", "6")).Version);
    }

    /// <summary>The continuation of the read runs after the feed of the lost history is closed.</summary>
    [Fact]
    public async Task HistoryLost_DuringTheFirstRead_EndsTheWatch()
    {
        using var watch = new OpenWatch(_store);
        var context = new HeldContext();
        Task<WatchStatus> read = context.Start(() => watch.ReadAsync().AsTask());
        (ChangeFeed feed, _) = await _store.Feed.CatchUpAsync(CancellationToken.None);
        _store.Feed.EndWatches();
        await Wait.UntilAsync(() => feed.IsClosed, () => "the feed is not closed");
        await Wait.UntilAsync(
            () =>
            {
                context.Run();
                return read.IsCompleted;
            },
            () => "the read does not end");
        Assert.Equal(WatchStatus.Compacted, await read);
    }

    [Fact]
    public async Task GetStats_OtherStoreDeletesChanges_HasTheOldestVersionWithoutWatches()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync("a", $"{i}");
        await using PostgresStore other = await Calls.OpenAsync(server, _schema, _time);
        _time.Advance(TimeSpan.FromMinutes(2));
        await _store.PutAsync("a", "5");
        await _store.CleanAsync();
        Assert.Equal(6, _store.GetStats().OldestVersion);
        await other.Sweeping;
        _time.Advance(TimeSpan.FromSeconds(1));
        await other.Sweeping;
        Assert.Equal(6, other.GetStats().OldestVersion);
        await using PostgresStore third = await Calls.OpenAsync(server, _schema, _time);
        Assert.Equal(6, third.GetStats().OldestVersion);
    }

    [Fact]
    public async Task Clean_ManyChanges_DeletesThemInSeveralTransactionsWithoutGaps()
    {
        await AddOldChangesAsync(25_001);
        await using PostgresStore other = await Calls.OpenAsync(server, _schema, _time);
        using OpenWatch behind = new(other, from: 1), inside = new(other, from: 15_000), ahead = new(other, from: 25_000);
        Assert.Equal(WatchStatus.More, await behind.ReadAsync());
        Assert.True(await _store.CleanAsync());
        Assert.Equal(10_001, _store.GetStats().OldestVersion);
        Assert.Equal(WatchStatus.Compacted, await behind.ReadAllAsync());
        Assert.Equal(Enumerable.Range(1, 1_000).Select(i => (long)i), behind.Versions);

        // The other transactions run while a watch reads.
        Task<WatchStatus> reading = inside.ReadAllAsync();
        Assert.True(await _store.CleanAsync());
        Assert.False(await _store.CleanAsync());
        await ahead.ReadAllAsync();
        Assert.Empty(ahead.Changes);
        if (await reading == WatchStatus.UpToDate) Assert.Equal(25_002, inside.Position);
        Assert.Equal(Enumerable.Range(15_000, inside.Changes.Count).Select(i => (long)i), inside.Versions);
        Assert.Equal(25_002, _store.GetStats().OldestVersion);
    }

    /// <summary>
    /// A transaction of an aborted group must find its claim when it arrives. The clock of a server may jump, so that of the database decides.
    /// </summary>
    [Fact]
    public async Task Clean_ClockOfTheServerJumps_KeepsClaims()
    {
        await server.QueryAsync(
            """
            INSERT INTO claims SELECT gen_random_uuid(), hours, false, (extract(epoch FROM now())::bigint - hours * 3600) * 1000
            FROM unnest(ARRAY[0, 23, 25]) hours
            """,
            _schema);
        await using PostgresStore store = await Calls.OpenAsync(server, _schema, new JumpingTime { Offset = TimeSpan.FromDays(10) });
        await store.CleanAsync();
        Assert.Equal("0 23", await server.QueryAsync("SELECT string_agg(seq::text, ' ' ORDER BY seq) FROM claims", _schema));
    }

    [Fact]
    public async Task Clean_TakesLong_DoesNotBlockWrites()
    {
        await AddOldChangesAsync(10);
        await server.QueryAsync(
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock(hashtextextended('kestrelkv:clean', 0));
                RETURN OLD;
            END $$;
            CREATE TRIGGER wait BEFORE DELETE ON changes FOR EACH STATEMENT EXECUTE FUNCTION wait();
            """,
            _schema);
        Task<bool> cleaning;
        await using (await server.LockAsync("clean"))
        {
            cleaning = _store.CleanAsync();
            await Wait.UntilAsync(
                async () => await server.QueryAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'advisory'") is true,
                () => "nothing is deleted");
            Assert.Equal(12, (await _store.PutAsync("b", "1")).Version);
            using var watch = new OpenWatch(_store, from: 11);
            await watch.ReadToAsync(12);
            Assert.False(cleaning.IsCompleted);
        }
        Assert.False(await cleaning);
    }

    /// <summary>
    /// A restored backup, or a failover to a server without the last commits. In both cases, all connections of the store end.
    /// </summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task HistoryLost_OfAcknowledgedCommits_EndsWatches(int versionAfterwards)
    {
        for (int i = 0; i < 3; i++) await _store.PutAsync("a", $"{i}");
        using var watch = new OpenWatch(_store);
        Assert.Equal(WatchStatus.UpToDate, await watch.ReadAllAsync());

        // No connection may see both histories: a store looks for its last commit when it connects.
        await server.QueryAsync(
            $"""
            BEGIN;
            LOCK TABLE commits IN ACCESS EXCLUSIVE MODE;
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'kestrelkv';
            DELETE FROM commits WHERE last_version > 2;
            DELETE FROM changes WHERE version > 2;
            INSERT INTO commits SELECT v, v, gen_random_uuid(), v, gen_random_uuid(), 1, 2, 0, 0
                FROM generate_series(3, {versionAfterwards}) v;
            COMMIT;
            """,
            _schema);
        await watch.WakeAsync();
        Assert.Equal(WatchStatus.Compacted, await watch.ReadAllAsync());

        // The store continues with the history of the database.
        Assert.Equal(versionAfterwards + 1, (await _store.PutAsync("a", "new")).Version);
        using var next = new OpenWatch(_store, from: versionAfterwards + 1);
        await next.ReadToAsync(versionAfterwards + 1);
        Assert.Equal("new", Assert.Single(next.Changes).Value);
    }

    /// <summary>Adds changes that are older than the retention, in two groups, and one that is not.</summary>
    private async Task AddOldChangesAsync(int count)
    {
        await _store.PutAsync("a", "1");
        await server.QueryAsync(
            $"""
            INSERT INTO changes SELECT v, (SELECT records FROM changes WHERE version = 1) FROM generate_series(2, {count}) v;
            INSERT INTO commits SELECT {count}, 2, door, 1000, gen_random_uuid(), keys, bytes, request_ids, clock FROM commits;
            """,
            _schema);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(count + 1, (await _store.PutAsync("a", "2")).Version);
    }

    /// <summary>Runs continuations when the test asks for it.</summary>
    private sealed class HeldContext : SynchronizationContext
    {
        private readonly ConcurrentQueue<Action> _posted = new();

        public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue(() => d(state));

        public Task<T> Start<T>(Func<Task<T>> start)
        {
            SynchronizationContext? current = Current;
            SetSynchronizationContext(this);
            try
            {
                return start();
            }
            finally
            {
                SetSynchronizationContext(current);
            }
        }

        public void Run()
        {
            while (_posted.TryDequeue(out Action? continuation)) continuation();
        }
    }
}
