using System.Diagnostics;
using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Removed entries free their memory, and operations allocate nothing on the managed heap.</summary>
[Collection(ProcessMemoryTests.Name)]
public sealed class MemoryTests
{
    [Fact]
    public Task MemoryBytes_MillionKeysAddedAndRemoved_ReturnsToInitialValue() => Seeds.RunAsync(async random =>
    {
        const int Keys = 1_000_000;
        using var store = new EmbeddedStore(new TestTime());
        long before = store.GetStats().MemoryBytes;
        long residentBefore = ResidentBytes();

        var sink = new CountingSink();
        int[] order = [.. Enumerable.Range(0, Keys)];
        var batch = new Operation[100];
        for (int round = 0; round < 2; round++)
        {
            random.Shuffle(order);
            foreach (int[] some in order.Chunk(batch.Length))
            {
                for (int i = 0; i < some.Length; i++)
                {
                    long expiresAt = some[i] % 7 == 0 ? Operation.ExpiresAtMax - some[i] : Operation.Never;
                    batch[i] = Operation.Put(Key(some[i]), new byte[random.Next(300)], expiresAt);
                }
                await store.ExecuteAsync(batch, sink);
            }
        }
        Assert.Equal(Keys, store.GetStats().Keys);
        long residentFull = ResidentBytes();

        random.Shuffle(order);
        foreach (int[] some in order.Chunk(batch.Length))
        {
            for (int i = 0; i < some.Length; i++) batch[i] = Operation.Delete(Key(some[i]));
            await store.ExecuteAsync(batch, sink);
        }

        Assert.Equal(
            new StoreStats(0, 0, 3 * Keys)
            {
                MemoryBytes = before, DurableVersion = 3 * Keys, FeedVersion = 3 * Keys, OldestVersion = 3 * Keys + 1,
            },
            store.GetStats());
        long residentAfter = ResidentBytes();
        Assert.True(residentAfter - residentBefore < (residentFull - residentBefore) / 3,
            $"{residentBefore:N0} bytes resident before, {residentFull:N0} with all keys, {residentAfter:N0} without");
    });

    [Fact]
    public async Task ExecuteAsync_AnyOperation_AllocatesNothing()
    {
        const int Keys = 100_000;
        using var store = new EmbeddedStore(new TestTime());
        var sink = new CountingSink();
        byte[] value = new byte[100];
        Operation[] puts = [.. Enumerable.Range(0, Keys).Select(i => Operation.Put(Key(i), value))];
        Operation[] gets = [.. Enumerable.Range(0, Keys).Select(i => Operation.Get(Key(i)))];
        await store.ExecuteAsync(gets.AsMemory(0, 100), sink);

        // Separators that move up the tree are copied, about one per some thousands of keys.
        Assert.InRange(Allocated(puts) / (double)Keys, 0, 0.5);

        // The runtime may allocate while it recompiles a method, but not in each run.
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => Allocated(puts) + Allocated(gets)));

        long Allocated(Operation[] operations)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            ValueTask<int> call = store.ExecuteAsync(operations, sink);
            Assert.True(call.IsCompletedSuccessfully);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task ExecuteAsync_WritesWithRequestIds_AllocateNothing()
    {
        const int Slots = 50;
        using var store = new EmbeddedStore(new TestTime());
        var sink = new CountingSink();
        byte[] value = new byte[100];
        Operation[][] rounds =
        [
            .. Enumerable.Range(0, 1_000).Select(round => Enumerable.Range(0, Slots).Select(slot => WriteOf(round, slot)).ToArray()),
        ];
        foreach (Operation[] round in rounds.AsSpan(0, 100).ToArray()) await store.ExecuteAsync(round, sink);
        Assert.InRange(rounds.Skip(100).Chunk(300).Min(Allocated) / (300.0 * Slots), 0, 4);

        long Allocated(Operation[][] some)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            foreach (Operation[] round in some) store.ExecuteAsync(round, sink).Completed();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Operation WriteOf(int round, int slot) => (slot % 4 == 0 ? Operation.Increment(Key(-slot), "1"u8.ToArray()) : Operation.Put(Key(slot), value)) with
        {
            RequestId = new(Key(round * Slots + slot)),
        };
    }

    private static byte[] Key(int i) => Encoding.ASCII.GetBytes($"key:{i * 2_654_435_761u % 4_294_967_296:D12}");

    /// <summary>Returns the resident memory without the managed heap, which holds the values of this test.</summary>
    private static long ResidentBytes()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64 - GC.GetGCMemoryInfo().TotalCommittedBytes;
    }
}
