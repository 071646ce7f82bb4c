using KestrelKv.Storage.Tests;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>Two servers on one database.</summary>
[Collection(SharedServer.Name)]
public sealed class TwoStoresTests(PostgresServer server) : IAsyncLifetime
{
    private readonly string _schema = PostgresServer.NewSchema();
    private readonly TestTime _time = new();
    private readonly TestTime _otherTime = new();
    private PostgresStore _store = null!;
    private PostgresStore _other = null!;

    public async Task InitializeAsync()
    {
        // Together: only one of them creates the tables.
        PostgresStore[] stores = await Task.WhenAll(
            Calls.OpenAsync(server, _schema, _time), Calls.OpenAsync(server, _schema, _otherTime));
        (_store, _other) = (stores[0], stores[1]);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Fact]
    public async Task Increments_OfBothStores_LoseNoneAndHaveDenseVersions()
    {
        const int Callers = 8, Increments = 50;
        using var watch = new OpenWatch(_other);
        Recorded[][] results = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            List<Recorded> own = [];
            for (int i = 0; i < Increments; i++) own.Add(await (caller % 2 == 0 ? _store : _other).IncrementAsync("counter"));
            return own.ToArray();
        }));

        // Each increment is the next after the one of the version before.
        Recorded[] all = [.. results.SelectMany(own => own).OrderBy(result => result.Version)];
        Assert.Equal(Enumerable.Range(1, Callers * Increments).Select(i => (long)i), all.Select(result => result.Version));
        Assert.Equal(Enumerable.Range(1, Callers * Increments).Select(i => $"{i}"), all.Select(result => result.Value));

        await watch.ReadToAsync(all.Length);
        Assert.Equal(all.Select(result => result.Version), watch.Versions);
        Assert.Equal(all.Select(result => result.Value), watch.Changes.Select(change => change.Value));
    }

    [Fact]
    public async Task CompareAndSet_OfBothStores_OneWinsEachVersion()
    {
        await _store.PutAsync("lock", "0");
        for (int round = 0; round < 20; round++)
        {
            long version = (await _other.GetAsync("lock")).Version;
            Operation next = Operation.Put(Calls.Utf8("lock"), Calls.Utf8($"{round}"))
                with { Precondition = Precondition.Version(version) };
            Recorded[] results = await Task.WhenAll(_store.ExecuteAsync(next), _other.ExecuteAsync(next));
            Assert.Single(results, result => result.Status == ResultStatus.Done);
            Assert.Single(results, result => result.Status == ResultStatus.PreconditionFailed);
        }
    }

    [Fact]
    public async Task RequestId_OfTheOtherStore_ReturnsRecordedResult()
    {
        var id = new RequestId(Calls.Utf8("id"), 3);
        Recorded first = await _store.IncrementAsync("a", id);
        Assert.Equal(first, await _other.IncrementAsync("a", id));
        Assert.Equal(ResultStatus.RequestIdReused, (await _other.IncrementAsync("a", new RequestId(Calls.Utf8("id"), 2))).Status);
    }

    [Fact]
    public async Task Reads_OfTheOtherStore_SeeEachAcknowledgedWrite()
    {
        for (int i = 0; i < 50; i++)
        {
            await _store.PutAsync("a", $"{i}");
            Assert.Equal($"{i}", (await _other.GetAsync("a")).Value);
        }
        Assert.Equal(50, _other.GetStats().Version);
    }

    [Fact]
    public async Task Watch_OfTheOtherStore_ReceivesAllKindsOfChanges()
    {
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        using var watch = new OpenWatch(_other, prefix: "a");
        await _store.PutAsync("a1", "1", now + 50);
        await _store.PutAsync("b", "1");
        await _store.ExecuteAsync(Operation.Expire(Calls.Utf8("a1"), now + 60));
        await _store.CommitAsync(
            new[] { Operation.Put(Calls.Utf8("a2"), Calls.Utf8("2")), Operation.Put(Calls.Utf8("a3"), Calls.Utf8("3")) },
            new RecordingSink(),
            new RequestId(Calls.Utf8("id")));
        await _store.ExecuteAsync(Operation.Delete(Calls.Utf8("a2")));
        _time.Advance(TimeSpan.FromSeconds(1));
        await _store.PutAsync("a1", "new");
        await watch.ReadToAsync(7);
        Assert.Equal(
            [
                new RecordedChange(ChangeKind.Put, 1, "a1", "1", now + 50), new(ChangeKind.SetExpiry, 3, "a1", ExpiresAt: now + 60),
                new(ChangeKind.Put, 4, "a2", "2"), new(ChangeKind.Put, 4, "a3", "3"), new(ChangeKind.Delete, 5, "a2"),
                new(ChangeKind.Expire, 6, "a1"), new(ChangeKind.Put, 7, "a1", "new"),
            ],
            watch.Changes);
    }

    /// <summary>The clocks of servers differ. An entry that expired for a write of one does not reappear for the other.</summary>
    [Fact]
    public async Task Expiry_ClockBehindTheOtherStore_FollowsItsCommits()
    {
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        await _store.PutAsync("a", "1", now + 10_000);
        _otherTime.Advance(TimeSpan.FromMilliseconds(500));
        _otherTime.Offset = TimeSpan.FromSeconds(10);
        await _other.PutAsync("b", "1");
        Assert.Equal(ResultStatus.NotFound, (await _store.GetAsync("a")).Status);
        Assert.Equal(1, await _store.CountAsync(new ListQuery { Limit = 10 }));
        Assert.InRange(_store.Clock.GetUtcNow().ToUnixTimeMilliseconds(), now + 10_500, long.MaxValue);
    }
}
