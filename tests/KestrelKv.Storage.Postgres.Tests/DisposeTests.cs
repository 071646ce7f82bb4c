using KestrelKv.Storage.Postgres.Tests.Faults;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>The end of a store whose database does not answer.</summary>
[Collection(SharedServer.Name)]
public sealed class DisposeTests(PostgresServer server)
{
    [Fact]
    public async Task DisposeAsync_DatabaseHangs_FailsQueuedCallsAndEnds()
    {
        string schema = PostgresServer.NewSchema();
        using var proxy = new CommitProxy(server.Port);
        PostgresStore store = await PostgresStore.OpenAsync(
            new()
            {
                ConnectionString = PostgresServer.Connection(proxy.Port), SynchronousStandby = false, Schema = schema, RequestTimeout = TimeSpan.FromSeconds(1),
                ResolveTimeout = TimeSpan.FromSeconds(15),
            },
            TimeProvider.System);
        proxy.Arm(CommitFault.Hold);
        Task<Recorded> stuck = store.PutAsync("a", "1");
        await proxy.Held;
        proxy.Freeze();
        using var watch = new OpenWatch(store);
        Task<Recorded> queued = store.PutAsync("b", "1"), read = store.GetAsync("b");
        Task disposal = store.DisposeAsync().AsTask();

        // The outcome of the first call is still being determined.
        await Assert.ThrowsAsync<StoreUnavailableException>(() => queued.WaitAsync(Wait.Patience));
        Assert.False(stuck.IsCompleted);
        await disposal.WaitAsync(Wait.Patience);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => read);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => stuck);
        proxy.Release();
    }
}
