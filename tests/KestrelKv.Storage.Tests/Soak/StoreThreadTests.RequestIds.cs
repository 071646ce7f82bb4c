using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Writes with request ids: each is executed once, whichever thread and call repeats it.</summary>
public abstract partial class StoreThreadTests
{
    [Fact]
    public Task AnyCall_RequestIdsOnManyThreads_ExecuteEachOnce() => Seeds.RunAsync(async random =>
    {
        // A full store refuses some of the writes.
        if (!KeepsAll) return;
        const int Counters = 20;
        const int Uses = 3;
        byte[][] keys = KeySpaces.Numbered("counter:", Counters);
        int used = 0;

        Task[] writers = Start(random, 4, own => () =>
        {
            Operation[] group = [.. Enumerable.Range(0, 1 + own.Next(10)).Select(_ => Increment(Interlocked.Increment(ref used) / Uses))];
            var results = new RecordingSink();
            if (own.Next(4) > 0) Execute(group, results);
            else Array.ForEach(group, one => Assert.True(_store.CommitAsync(new[] { one }, results, one.RequestId).Completed()));
            Assert.All(results.Results, result => Assert.Equal(ResultStatus.Done, result.Status));
        });

        // Batches acquire several locks, as a write with an id does.
        Task[] readers = Start(random, 1, _ => () => Commit(keys.Select(key => Operation.Get(key)).ToArray(), new CountingSink()));
        await RunAsync(Duration / 2, [.. writers, .. readers]);

        var sums = new RecordingSink();
        Execute(keys.Select(key => Operation.Get(key)).ToArray(), sums);
        Assert.Equal(1 + used / Uses, sums.Results.Where(result => result.Status == ResultStatus.Done).Sum(NumberIn));

        Operation Increment(int id) => Operation.Increment(keys[id % Counters], "1"u8.ToArray()) with
        {
            RequestId = new(Encoding.ASCII.GetBytes($"id {id}")),
        };
    });
}
