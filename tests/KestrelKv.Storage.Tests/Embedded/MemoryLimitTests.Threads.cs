using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

public sealed partial class MemoryLimitTests
{
    [Theory]
    [InlineData(EvictionPolicy.None)]
    [InlineData(EvictionPolicy.Lru)]
    public async Task Write_ManyThreadsAtLimit_CountsEveryByte(EvictionPolicy policy)
    {
        Open(policy, TimeProvider.System);
        long empty = Stats.MemoryBytes;
        int keys = Fill();
        StoreStats full = Stats;
        List<long>[] versions = await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() => Write(new Random(seed)))));
        Assert.InRange(Stats.MemoryBytes, Limit / 2, Limit + 4 * Slack);

        // Expired entries are removed in the background.
        var left = new RecordingEntrySink();
        _store.ListAsync(new ListQuery { Limit = int.MaxValue }, left).Completed();
        int deleted = left.Entries.Count(entry => StatusOf(Delete(entry.Key)) == ResultStatus.Done);
        await Wait.UntilAsync(() => Stats.Keys == 0, () => $"{Stats.Keys} keys are left");
        Assert.Equal(empty, Stats.MemoryBytes);

        // Each commit, including each removal, has a unique version.
        List<long> all = [.. versions.SelectMany(own => own)];
        Assert.All(versions, own => Assert.Equal(own.Order(), own));
        Assert.Equal(all.Count, all.Distinct().Count());
        Assert.Equal(full.Version + all.Count + deleted + Stats.Evictions - full.Evictions + Stats.Expirations, Stats.Version);

        // A counting error would change the number of keys that fit.
        Assert.InRange(Fill(), keys * 99 / 100, keys * 101 / 100);
    }

    /// <summary>Other writes do not take the memory that was freed for a large one.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_LargeValueAmongSmallOnes_Succeeds(bool atomic)
    {
        Open(EvictionPolicy.Lru, TimeProvider.System);
        Fill();
        using var over = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            for (int i = 0; !over.IsCancellationRequested; i++) Execute(Put($"small {i}", 20));
        });
        Operation put = Put("large", (int)Limit * 3 / 4);
        Task<ResultStatus> large = Task.Run(() => atomic ? Commit(put)[0].Status : StatusOf(put));
        try
        {
            Assert.Equal(ResultStatus.Done, await large.WaitAsync(Wait.Patience));
        }
        finally
        {
            // The threads must end before the store is disposed of, even after a failure.
            await over.CancelAsync();
            await writer;
            await large;
        }
    }

    /// <summary>Executes random writes and returns the versions of their commits, in order.</summary>
    private List<long> Write(Random random)
    {
        List<long> versions = [];
        for (int i = 0; i < 20_000; i++)
        {
            long soon = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + random.Next(300);
            Operation put = Put(Name(random.Next(40_000)), random.Next(600), random.Next(3) == 0 ? soon : Operation.Never);
            var sink = new RecordingSink();
            if (i % 3 == 0) _store.CommitAsync(new[] { put, Delete(Name(random.Next(40_000))) }, sink).Completed();
            else _store.ExecuteAsync(new[] { put }, sink).Completed();
            if (sink.Results[0].Status == ResultStatus.Done) versions.Add(sink.Results[0].Version);
        }
        return versions;
    }
}
