using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

/// <summary>Random calls, each compared with what the naive store makes of it.</summary>
public abstract partial class StoreContractTests
{
    private const int Steps = 6_000;

    private static readonly string[] Names =
        ["a", "aa", "ab", "a\0", "b", "ba", "\0", "é", "éé", "ê", "\uFFFD", "😀", "😀a", "k1", "k2", "k3", "k10", "z", "zz", "zzz"];

    [Fact]
    public Task AnyCalls_InRandomOrder_DoWhatTheNaiveStoreDoes() => Seeds.RunAsync(async random =>
    {
        var model = new NaiveStore(Time);
        for (int step = 0; step < Steps; step++)
        {
            try
            {
                await StepAsync(random, model);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Step {step}: {e.Message}", e);
            }
        }
        Assert.InRange(model.Version, Steps / 2, long.MaxValue);
    });

    private async Task StepAsync(Random random, NaiveStore model)
    {
        switch (random.Next(20))
        {
            case < 8:
                await ExecuteBothAsync(random, model);
                break;
            case < 14:
                await CommitBothAsync(random, model);
                break;
            case < 18:
                await ListBothAsync(random, model);
                break;
            case 18:
                await AdvanceAsync(TimeSpan.FromMilliseconds(random.Next(1, 40)));
                // Whether the background removal has run is the engine's affair; but then it has removed them all.
                if (Store.GetStats().Keys != model.Stats.Keys) model.RemoveExpired();
                break;
            case 19:
                await AdvanceAsync(RemovalTime);
                model.RemoveExpired();
                break;
        }
        Assert.Equal(model.Stats, Counts(Store.GetStats()));
    }

    private async Task ExecuteBothAsync(Random random, NaiveStore model)
    {
        Operation[] operations = RandomOperations(random, model);
        int stopAfter = random.Next(4) == 0 ? random.Next(1, operations.Length + 1) : int.MaxValue;
        List<Recorded> expected = model.Execute(operations, stopAfter);
        var sink = new RecordingSink(stopAfter);
        Assert.Equal(expected.Count, await Store.ExecuteAsync(operations, sink));
        Assert.Equal(expected, sink.Results);
    }

    private async Task CommitBothAsync(Random random, NaiveStore model)
    {
        Operation[] batch = RandomOperations(random, model);
        (bool committed, List<Recorded> expected) = model.Commit(batch);
        var sink = new RecordingSink();
        Assert.Equal(committed, await Store.CommitAsync(batch, sink));
        Assert.Equal(expected, sink.Results);
    }

    private async Task ListBothAsync(Random random, NaiveStore model)
    {
        string prefix = random.Next(2) == 0 ? "" : Pick(random);
        string after = random.Next(2) == 0 ? "" : Pick(random);
        int limit = random.Next(1, Names.Length + 2);
        int stopAfter = random.Next(3) == 0 ? random.Next(1, limit + 1) : limit;

        (List<RecordedEntry> expected, bool more) = model.List(prefix, after, Math.Min(limit, stopAfter));
        var sink = new RecordingEntrySink(stopAfter);
        Assert.Equal(more, await Store.ListAsync(new ListQuery { Prefix = Utf8(prefix), After = Utf8(after), Limit = limit }, sink));
        Assert.Equal(expected, sink.Entries);
    }

    private Operation[] RandomOperations(Random random, NaiveStore model) =>
        [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => RandomOperation(random, model))];

    private Operation RandomOperation(Random random, NaiveStore model)
    {
        string key = Pick(random);
        Precondition precondition = random.Next(20) switch
        {
            0 => Precondition.Absent,
            1 or 2 => Precondition.Present,
            3 => Precondition.Version(0),
            4 => Precondition.Version(model.Version + 1),
            5 or 6 => Precondition.Version(model.List(key, "", 1).Entries is [var first, ..] ? first.Version : 1),
            _ => Precondition.None,
        };
        return random.Next(10) switch
        {
            < 3 => Get(key, precondition),
            < 7 => Put(key, new string('v', random.Next(5)) + random.Next(100), precondition, RandomExpiry(random)),
            < 9 => Delete(key, precondition),
            _ => Expire(key, RandomExpiry(random), precondition),
        };
    }

    private long RandomExpiry(Random random) => random.Next(6) switch
    {
        0 => Now - random.Next(2),
        1 or 2 => Now + random.Next(1, 100),
        3 => Now + random.Next(5_000),
        _ => Operation.Never,
    };

    private static string Pick(Random random) => Names[random.Next(Names.Length)];
}
