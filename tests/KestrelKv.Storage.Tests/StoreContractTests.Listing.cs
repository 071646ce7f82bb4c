using System.Text;

namespace KestrelKv.Storage.Tests;

public abstract partial class StoreContractTests
{
    /// <summary>Keys in UTF-8 byte order, which differs from UTF-16 order for U+FFFD and U+1F600.</summary>
    private static readonly string[] Ordered =
    [
        "\0", "\0\0", "\0a", "\u0001", "A", "a", "a\0", "a\0b", "a/", "a/b", "aa", "ab", "b", "\u007f", "\u0080", "é", "éa",
        "\u07ff", "\u0800", "€", "\uFFFD", "\uFFFF", "\U00010000", "😀", "\U0010FFFF", "\U0010FFFF\U0010FFFF",
    ];

    [Fact]
    public async Task ListAsync_AllKeys_AreInUtf8ByteOrder()
    {
        await FillShuffledAsync();
        AssertPage(await ListAsync(), more: false, Ordered);
    }

    [Fact]
    public async Task ListAsync_EveryPrefix_ReturnsMatchingKeys()
    {
        await FillShuffledAsync();
        foreach (string prefix in (string[])[.. Ordered, "a/b/c", "B", "\U0010FFFE", "é\0"])
            Assert.Equal(Ordered.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)), (await ListAsync(prefix)).Keys);
    }

    [Fact]
    public async Task ListAsync_PrefixEndsInsideCharacter_MatchesBytes()
    {
        await FillShuffledAsync();
        var sink = new RecordingEntrySink();
        await Store.ListAsync(new ListQuery { Prefix = new byte[] { 0xC3 }, Limit = 100 }, sink); // é is C3 A9
        Assert.Equal(["é", "éa"], sink.Entries.Select(entry => entry.Key));

        sink = new RecordingEntrySink();
        await Store.ListAsync(new ListQuery { Prefix = new byte[] { 0xFF }, Limit = 100 }, sink);
        Assert.Empty(sink.Entries);
    }

    [Fact]
    public async Task ListAsync_AfterAnyKey_StartsBehindIt()
    {
        await FillShuffledAsync();
        foreach (string after in (string[])[.. Ordered, "a/a", "aaa", "0", "\U0010FFFF\U0010FFFF\0"])
        {
            foreach (string prefix in (string[])["", "a", "a/", "é", "zz"])
            {
                IEnumerable<string> expected = Ordered.Where(key =>
                    key.StartsWith(prefix, StringComparison.Ordinal) && Utf8(key).Span.SequenceCompareTo(Utf8(after).Span) > 0);
                Assert.Equal(expected, (await ListAsync(prefix, after)).Keys);
            }
        }
    }

    [Fact]
    public async Task ListAsync_BoundsInEitherDirection_ReturnsKeysBetween()
    {
        await FillShuffledAsync();
        foreach (string after in (string[])["", "\0", "a", "a/a", "é", "\U0010FFFF"])
        {
            foreach (string until in (string[])["", "\0\0", "a/", "aaa", "😀", "\U0010FFFF\U0010FFFF"])
            {
                foreach (string prefix in (string[])["", "a", "a/", "é", "\U0010FFFF", "zz"])
                {
                    await AssertBetweenAsync(prefix, after, until, descending: false);
                    await AssertBetweenAsync(prefix, after, until, descending: true);
                }
            }
        }
    }

    private async Task AssertBetweenAsync(string prefix, string after, string until, bool descending)
    {
        string low = descending ? until : after, high = descending ? after : until;
        IEnumerable<string> expected = Ordered.Where(key =>
            key.StartsWith(prefix, StringComparison.Ordinal)
            && (low.Length == 0 || Utf8(key).Span.SequenceCompareTo(Utf8(low).Span) > 0)
            && (high.Length == 0 || Utf8(key).Span.SequenceCompareTo(Utf8(high).Span) < 0));
        string[] keys = [.. descending ? expected.Reverse() : expected];
        var query = new ListQuery { Prefix = Utf8(prefix), After = Utf8(after), Until = Utf8(until), Descending = descending, Limit = 100 };
        Assert.Equal(keys, (await ListAsync(query)).Keys);
        Assert.Equal(keys.Length, await Store.CountAsync(query));
        Assert.Equal(Math.Min(2, keys.Length), await Store.CountAsync(query with { Limit = 2 }));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(70)]
    public async Task ListAsync_DescendingPages_ReturnEachKeyOnce(int limit)
    {
        string[] names = [.. Enumerable.Range(0, 2_000).Select(i => $"key:{i:0000}")];
        await ExecuteAsync([.. names.Select(name => Put(name, "1"))]);
        List<string> listed = [];
        var query = new ListQuery { Descending = true, Limit = limit };
        for (bool more = true; more;)
        {
            (string[] keys, more) = await ListAsync(query);
            listed.AddRange(keys);
            query = query with { After = Utf8(keys[^1]) };
        }
        Assert.Equal(names.Reverse(), listed);
    }

    [Fact]
    public async Task ListAsync_EveryPageSize_ReturnsEachKeyOnceAndReportsMore()
    {
        await FillShuffledAsync();
        for (int limit = 1; limit <= Ordered.Length + 1; limit++)
        {
            List<string> keys = [];
            bool more = true;
            while (more)
            {
                (string[] page, more) = await ListAsync(after: keys.LastOrDefault(""), limit: limit);
                keys.AddRange(page);
                Assert.Equal(keys.Count < Ordered.Length, more);
                if (more) Assert.Equal(limit, page.Length);
            }
            Assert.Equal(Ordered, keys);
        }
    }

    /// <summary>Keys that differ late, are prefixes of others, or continue with zeros.</summary>
    [Theory]
    [InlineData(10_000)]
    [InlineData(1_000)]
    [InlineData(37)]
    public async Task ListAsync_SimilarKeys_AreInOrder(int limit)
    {
        string beginning = new('k', 300);
        List<string> expected = [beginning];
        for (int i = 0; i < expected.Count && expected[i].Length < 311; i++) expected.AddRange([expected[i] + '\0', expected[i] + 'a']);
        string[] shuffled = [.. expected];
        new Random(1).Shuffle(shuffled);
        await ExecuteAsync([.. shuffled.Select(key => Put(key, ""))]);

        expected.Sort(StringComparer.Ordinal);
        List<string> keys = [];
        for (bool more = true; more;)
        {
            (string[] page, more) = await ListAsync(beginning, keys.LastOrDefault(""), limit);
            keys.AddRange(page);
        }
        Assert.Equal(expected, keys);
    }

    [Fact]
    public async Task ListAsync_SinkStops_ReportsMore()
    {
        await ExecuteAsync(Put("a1", ""), Put("a2", ""), Put("a3", ""), Put("b", ""));
        AssertPage(await ListAsync("a", stopAfter: 1), more: true, "a1");
        AssertPage(await ListAsync("a", stopAfter: 2), more: true, "a1", "a2");
        AssertPage(await ListAsync("a", stopAfter: 3), more: false, "a1", "a2", "a3");
        AssertPage(await ListAsync("a", limit: 2, stopAfter: 2), more: true, "a1", "a2");
        AssertPage(await ListAsync("b", stopAfter: 1), more: false, "b");
    }

    [Fact]
    public async Task ListAsync_ExpiredEntries_AreNeitherListedNorCountedAsMore()
    {
        await ExecuteAsync(
            Put("a", "", expiresAt: Now), Put("b", ""), Put("c", "", expiresAt: Now), Put("d", ""), Put("e", "", expiresAt: Now));
        AssertPage(await ListAsync(), more: false, "b", "d");
        AssertPage(await ListAsync(limit: 1), more: true, "b");
        AssertPage(await ListAsync(after: "b", limit: 1), more: false, "d");
        AssertPage(await ListAsync(limit: 2), more: false, "b", "d");
        AssertPage(await ListAsync(stopAfter: 2), more: false, "b", "d");
        AssertPage(await ListAsync(after: "d"), more: false);
    }

    [Fact]
    public async Task ListAsync_Entry_HasValueVersionAndExpiry()
    {
        long expiresAt = Now + 10_000;
        await ExecuteAsync(Put("b", "two", expiresAt: expiresAt), Put("a", "one"));
        var sink = new RecordingEntrySink();
        await Store.ListAsync(new ListQuery { Limit = 5 }, sink);
        Assert.Equal([new("a", "one", 2, Operation.Never), new("b", "two", 1, expiresAt)], sink.Entries);
    }

    [Fact]
    public async Task ListAsync_ChangesBetweenPages_ListsPermanentKeysOnce()
    {
        string[] stay = [.. Enumerable.Range(0, 100).Select(i => $"k{i:000}")];
        await ExecuteAsync([.. stay.Select(key => Put(key, ""))]);
        List<string> keys = [];
        bool more = true;
        for (int round = 0; more; round++)
        {
            (string[] page, more) = await ListAsync(after: keys.LastOrDefault(""), limit: 7);
            keys.AddRange(page);
            await ExecuteAsync(
                Put($"k{round:000}+", ""), Put($"k{99 - round:000}+", ""), Delete($"k{round - 3:000}+"), Put(stay[round], "again"));
        }
        Assert.Equal(stay, keys.Where(key => !key.EndsWith('+')));
        Assert.Equal(keys.Count, keys.Distinct().Count());
    }

    [Fact]
    public async Task ListAsync_EmptyStore_ReturnsNothing()
    {
        AssertPage(await ListAsync(), more: false);
        AssertPage(await ListAsync("a", "b", 1), more: false);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public async Task ListAsync_LimitBelowOne_Throws(int limit) =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ListAsync(limit: limit));

    private static void AssertPage((string[] Keys, bool More) page, bool more, params string[] keys)
    {
        Assert.Equal(keys, page.Keys);
        Assert.Equal(more, page.More);
    }

    private async Task FillShuffledAsync()
    {
        Assert.Equal(Ordered, Ordered.OrderBy(key => Convert.ToHexString(Encoding.UTF8.GetBytes(key)), StringComparer.Ordinal));
        string[] shuffled = [.. Ordered];
        new Random(1).Shuffle(shuffled);
        await ExecuteAsync([.. shuffled.Select(key => Put(key, ""))]);
    }
}
