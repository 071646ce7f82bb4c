using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>All operations concurrently: values, versions and expiry as observed by each thread.</summary>
public abstract partial class StoreThreadTests
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);

    /// <summary>Runs in rounds. After each round all threads have stopped, and their observations must be consistent.</summary>
    [Theory]
    [InlineData("few keys", 2_000)]
    [InlineData("many keys", 300)]
    [InlineData("large values", 200_000)]
    public Task AnyCalls_ManyThreads_ReturnIntactValuesAndUniqueVersions(string kind, int valueBytesMax) => Seeds.RunAsync(async random =>
    {
        byte[][] keys = kind switch
        {
            "few keys" => KeySpaces.Few,
            "many keys" => KeySpaces.OfAnyLength(random, 50_000, 200),
            "large values" => KeySpaces.Numbered("large:", 200),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
        Observer[] observers = [.. Enumerable.Range(0, 4).Select(_ => new Observer(_store))];
        for (TimeSpan left = Duration; left > TimeSpan.Zero; left -= Round)
        {
            long versionBefore = _store.GetStats().Version;
            Task[] threads = [.. observers.SelectMany(observer => Start(random, 1, own =>
            {
                RandomOperations operations = OperationsOf(own, observer);
                return () => CallOnce(own, observer, operations);
            }))];
            await RunAsync(left < Round ? left : Round, threads);
            await AssertAddsUpAsync(versionBefore, observers);
        }

        RandomOperations OperationsOf(Random own, Observer observer) => new(own, keys, TimeProvider.System)
        {
            BatchMax = 50,
            ValueBytesMax = valueBytesMax,
            ExpiryMax = TimeSpan.FromMilliseconds(200),
            VersionOf = observer.VersionSeen,
            LastVersion = () => _store.GetStats().Version,
            MakeValue = (key, bytes) => CheckedValue.Make(own, key, bytes),
        };
    });

    private static void CallOnce(Random random, Observer observer, RandomOperations operations)
    {
        switch (random.Next(10))
        {
            case < 5:
                observer.Execute(operations.Batch());
                break;
            case < 9:
                // If a batch wrote a key several times with one version, added and deleted entries could not be counted.
                observer.Commit(operations.BatchOfDistinctKeys());
                break;
            default:
                observer.List(operations.Query());
                break;
        }
    }

    /// <summary>
    /// Checks that each version belongs to exactly one commit: that of a writer, or a removal. The number of removals must equal the number
    /// of missing keys.
    /// </summary>
    private async Task AssertAddsUpAsync(long versionBefore, Observer[] observers)
    {
        var versions = new HashSet<long>();
        foreach (Observer observer in observers)
        {
            Assert.All(observer.Versions, version => Assert.True(versions.Add(version), $"version {version} twice"));
            Assert.All(observer.Versions, version => Assert.InRange(version, versionBefore + 1, _store.GetStats().Version));
            observer.Versions.Clear();
        }

        long removed = 0;
        await Wait.UntilAsync(
            () => (removed = observers.Sum(o => o.Added - o.Deleted) - _store.GetStats().Keys) + observers.Sum(o => o.Commits) == _store.GetStats().Version,
            () => $"{observers.Sum(o => o.Commits)} commits and {removed} removals, but version {_store.GetStats().Version}");

        // An expired entry is counted, but not listed, until it is removed.
        var all = new Observer(_store);
        StoreStats stats = default;
        await Wait.UntilAsync(
            () =>
            {
                stats = _store.GetStats();
                all = new Observer(_store);
                all.List(new ListQuery { Limit = int.MaxValue });
                return stats == _store.GetStats() && stats.Keys == all.Listed;
            },
            () => $"{stats.Keys} keys, and {all.Listed} of them are listed");
        Assert.Equal(stats.Bytes, all.ListedBytes);
    }
}
