using KestrelKv.Testing;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Storage.Tests;

public sealed class ManagedStoreTests : StoreContractTests
{
    [Fact]
    public async Task Sweep_MoreThanOneSweepRemoves_TakesSeveral()
    {
        var time = new FakeTimeProvider();
        using var store = new ManagedStore(time);
        await FillWithExpiredAsync(store, 2_500);

        List<long> keys = [];
        for (int i = 0; i < 4; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            keys.Add(store.GetStats().Keys);
        }
        Assert.Equal([1_500, 500, 0, 0], keys);
        Assert.Equal(new(0, 0, 5_000), store.GetStats());
    }

    [Fact]
    public async Task Dispose_ExpiredEntries_AreNoLongerRemoved()
    {
        var time = new FakeTimeProvider();
        var store = new ManagedStore(time);
        await FillWithExpiredAsync(store, 1);
        store.Dispose();
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, store.GetStats().Keys);
    }

    protected override IKeyValueStore Create(TimeProvider time) => new ManagedStore(time);

    private static async Task FillWithExpiredAsync(ManagedStore store, int count) => await store.ExecuteAsync(
        Enumerable.Range(0, count).Select(i => Operation.Put(BitConverter.GetBytes(i), "v"u8.ToArray(), expiresAt: 1)).ToArray(),
        new RecordingSink());
}
