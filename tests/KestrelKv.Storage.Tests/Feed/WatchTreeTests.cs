using KestrelKv.Storage.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>The tree of prefixes finds the same watches as a linear search.</summary>
public sealed class WatchTreeTests : IDisposable
{
    private readonly ChangeFeed _feed = new(1 << 20, threads: DrivenFeed.Threads);

    public void Dispose() => _feed.Dispose();

    [Fact]
    public void Matching_AfterRandomCalls_EqualsALinearSearch() => Seeds.Run(random =>
    {
        var tree = new WatchTree();
        List<FeedWatch> all = [];
        for (int step = 0; step < 3_000; step++)
        {
            if (all.Count > 0 && random.Next(100) < 45)
            {
                int at = random.Next(all.Count);
                tree.Remove(all[at]);
                all.RemoveAt(at);
            }
            else
            {
                var watch = (FeedWatch)_feed.Watch(new WatchQuery { Prefix = Text(random) }, last: 0, () => { });
                tree.Add(watch);
                all.Add(watch);
            }
            Assert.Equal(all.Count, tree.Count);
            byte[] key = Text(random);
            Assert.Equal(Ids(all.Where(watch => key.AsSpan().StartsWith(watch.Prefix))), Ids(Found(tree, key)));
        }
        List<FeedWatch> copied = [];
        tree.CopyTo(copied);
        Assert.Equal(Ids(all), Ids(copied));
    });

    /// <summary>The cost of a look-up depends on the prefixes of the key, not on the number of other prefix lengths.</summary>
    [Fact]
    public void Matching_ManyPrefixLengths_VisitsOnlyPrefixesOfTheKey()
    {
        var tree = new WatchTree();
        for (int length = 1; length <= 4_000; length++)
            tree.Add(_feed.Watch(new WatchQuery { Prefix = Enumerable.Repeat((byte)'a', length).ToArray() }, last: 0, () => { }));
        tree.Add(_feed.Watch(new WatchQuery { Prefix = "b"u8.ToArray() }, last: 0, () => { }));

        int met = 0;
        foreach (List<FeedWatch> _ in tree.Matching("baaaaaaaaaaaaaaaaaaaaaaaaaaa"u8)) met++;
        Assert.Equal(2, met);
    }

    private static byte[] Text(Random random) =>
        [.. Enumerable.Range(0, random.Next(6)).Select(_ => (byte)('a' + random.Next(3)))];

    private static List<FeedWatch> Found(WatchTree tree, ReadOnlySpan<byte> key)
    {
        List<FeedWatch> found = [];
        foreach (List<FeedWatch> watches in tree.Matching(key)) found.AddRange(watches);
        return found;
    }

    private static IEnumerable<int> Ids(IEnumerable<FeedWatch> watches) =>
        watches.Select(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode).Order();
}
