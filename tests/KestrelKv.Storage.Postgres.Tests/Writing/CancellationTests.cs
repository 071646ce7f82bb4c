using System.Text;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Writing;

/// <summary>Calls that are canceled while the database does not answer.</summary>
[Collection(SharedServer.Name)]
public sealed class CancellationTests(PostgresServer server)
{
    private readonly string _schema = PostgresServer.NewSchema();

    [Fact]
    public async Task Cancel_DuringTheFirstTrip_EndsTheCallAndReleasesItsMemory()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        byte[] key = Encoding.UTF8.GetBytes("canceled"), value = Encoding.UTF8.GetBytes("1");
        using var cancellation = new CancellationTokenSource();
        Task<Recorded> other;
        await using (await server.LockAsync(_schema))
        {
            // The group of the first call waits for the lock, and holds the second one in the queue.
            ValueTask<int> canceled = store.ExecuteAsync(
                new[] { Operation.Put(key, value) }, new RecordingSink(), cancellation.Token);
            await WaitForTripAsync();
            other = store.PutAsync("other", "1");
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled.AsTask().WaitAsync(Wait.Patience));
            key.AsSpan().Fill((byte)'x');
        }

        // The canceled call has changed nothing, and the other one is the first commit.
        Assert.Equal(1, (await other).Version);
        Assert.Equal(1, await store.CountAsync(new ListQuery { Limit = 10 }));
    }

    private Task WaitForTripAsync() => Wait.UntilAsync(
        async () => await server.QueryAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'advisory'") is true,
        () => "no trip waits for the lock");
}
