using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Disposal of a store during calls: the calls throw and do not access freed memory.</summary>
public sealed class ClosedStoreTests
{
    private const int Keys = 20_000;

    [Fact]
    public async Task Dispose_ConcurrentCalls_ThrowsInEachCall()
    {
        for (int round = 0; round < 10; round++)
        {
            var store = new EmbeddedStore(TimeProvider.System);
            for (int i = 0; i < Keys; i++) await store.ExecuteAsync(new[] { Put(i) }, new CountingSink());
            var random = new Random(round);
            Task[] callers =
            [
                RunAsync(async () => await store.ListAsync(new ListQuery { Limit = int.MaxValue }, new RecordingEntrySink())),
                RunAsync(async () => Assert.Equal(Keys, await store.CountAsync(new ListQuery { Limit = int.MaxValue }))),
                RunAsync(async () => await store.ExecuteAsync(Enumerable.Range(0, 500).Select(Put).ToArray(), new CountingSink())),
                RunAsync(async () => await store.CommitAsync(Enumerable.Range(0, 500).Select(Put).ToArray(), new CountingSink())),
                RunAsync(
                    async () =>
                        await store.ExecuteAsync(Enumerable.Range(0, 500).Select(i => Operation.Get(Key(i))).ToArray(), new FoundSink())),
            ];
            await Task.Delay(random.Next(20));
            store.Dispose();
            foreach (Task caller in callers)
                await Assert.ThrowsAsync<ObjectDisposedException>(() => caller.WaitAsync(Testing.Wait.Patience));
            store.Dispose();
        }
    }

    [Fact]
    public async Task AnyCall_ClosedStore_Throws()
    {
        var store = new EmbeddedStore(TimeProvider.System);
        store.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ExecuteAsync(new[] { Put(1) }, new CountingSink()));
        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await store.ExecuteAsync(new[] { Operation.Get(Key(1)) }, new CountingSink()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.CommitAsync(new[] { Put(1) }, new CountingSink()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.CountAsync(new ListQuery { Limit = 1 }));
        Assert.Throws<ObjectDisposedException>(() => store.Watch(new WatchQuery(), () => { }));
    }

    private static byte[] Key(int i) => System.Text.Encoding.ASCII.GetBytes($"key {i}");

    private static Operation Put(int i) => Operation.Put(Key(i), "1"u8.ToArray());

    /// <summary>Repeats a call until it throws.</summary>
    private static Task RunAsync(Func<Task> call) => Task.Run(async () =>
    {
        while (true) await call();
    });

    private sealed class FoundSink : IResultSink
    {
        public bool OnResult(int index, in OperationResult result)
        {
            // A closing store must not report an entry as missing.
            Assert.Equal(ResultStatus.Done, result.Status);
            return true;
        }
    }
}
