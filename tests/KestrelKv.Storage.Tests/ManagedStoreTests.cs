using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

public sealed class ManagedStoreTests : StoreContractTests
{
    [Fact]
    public async Task Dispose_ExpiredEntries_StopsRemoval()
    {
        var time = new TestTime();
        var store = new ManagedStore(time);
        await store.ExecuteAsync(new[] { Operation.Put("a"u8.ToArray(), "v"u8.ToArray(), expiresAt: 1) }, new RecordingSink());
        store.Dispose();
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, store.GetStats().Keys);
    }

    protected override IKeyValueStore Create(TimeProvider time) => new ManagedStore(time);
}
