using KestrelKv.Storage.Tests.Soak;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

/// <summary>Random calls, compared with those of <see cref="NaiveStore"/>.</summary>
public abstract partial class StoreContractTests
{
    private const int Steps = 6_000;

    [Fact]
    public Task AnyCalls_RandomOrder_MatchNaiveStore() => Seeds.RunAsync(async random =>
    {
        var model = new NaiveStore(Time);
        var operations = new RandomOperations(random, KeySpaces.Few, Time)
        {
            BatchMax = 7, IncludesDescending = true, IncludesTouches = true, ValueBytesMax = 8, VersionOf = model.VersionOf, LastVersion = () => model.Version,
        };
        for (int step = 0; step < Steps; step++)
        {
            try
            {
                await StepAsync(random, operations, model);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Step {step}: {e.Message}", e);
            }
        }
        Assert.InRange(model.Version, Steps / 2, long.MaxValue);
    });

    private async Task StepAsync(Random random, RandomOperations operations, NaiveStore model)
    {
        switch (random.Next(20))
        {
            case < 8:
                await ExecuteBothAsync(operations, model);
                break;
            case < 14:
                await CommitBothAsync(operations, model);
                break;
            case < 18:
                await ListBothAsync(operations, model);
                break;
            case 18:
                Advance(TimeSpan.FromMilliseconds(random.Next(1, 40)));
                // The engine decides when the background removal runs, but it then removes all expired entries.
                if (Store.GetStats().Keys != model.Stats.Keys) model.RemoveExpired();
                break;
            case 19:
                Advance(RemovalTime);
                model.RemoveExpired();
                break;
        }
        Assert.Equal(model.Stats, Counts(Store.GetStats()));
    }

    private async Task ExecuteBothAsync(RandomOperations random, NaiveStore model)
    {
        Operation[] operations = random.Batch();
        int stopAfter = random.StopAfter(operations.Length);
        List<Recorded> expected = model.Execute(operations, stopAfter);
        var sink = new RecordingSink(stopAfter);
        Assert.Equal(expected.Count, await Store.ExecuteAsync(operations, sink));
        Assert.Equal(expected, sink.Results);
    }

    private async Task CommitBothAsync(RandomOperations random, NaiveStore model)
    {
        Operation[] batch = random.Batch();
        (bool committed, List<Recorded> expected) = model.Commit(batch);
        var sink = new RecordingSink();
        Assert.Equal(committed, await Store.CommitAsync(batch, sink));
        Assert.Equal(expected, sink.Results);
    }

    private async Task ListBothAsync(RandomOperations random, NaiveStore model)
    {
        ListQuery query = random.Query();
        int stopAfter = random.StopAfter(query.Limit);
        (List<RecordedEntry> expected, bool more) = model.List(query, Math.Min(query.Limit, stopAfter));
        var sink = new RecordingEntrySink(stopAfter);
        Assert.Equal(more, await Store.ListAsync(query, sink));
        Assert.Equal(expected, sink.Entries);
    }
}
