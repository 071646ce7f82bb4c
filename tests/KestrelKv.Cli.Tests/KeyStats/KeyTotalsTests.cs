using System.Text;
using KestrelKv.Cli.KeyStats;

namespace KestrelKv.Cli.Tests.KeyStats;

/// <summary>The sums of keys are compared with a model that keeps all groups.</summary>
public sealed class KeyTotalsTests
{
    [Theory]
    [InlineData("", ":", 2, 1_000)]
    [InlineData("", ":", 3, 1_000)]
    [InlineData("a", ":", 1, 1_000)]
    [InlineData("", "::", 2, 1_000)]
    [InlineData("", ":", 0, 1_000)]
    [InlineData("", ":", 3, 5)]
    [InlineData("", ":", 2, 1)]
    public void Groups_EqualTheModel(string prefix, string delimiter, int depth, int groupsMax)
    {
        for (int seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            (string Key, int Bytes)[] keys =
                [.. RandomKeys(random).Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => (key, random.Next(1, 100)))];
            var totals = new KeyTotals(prefix, delimiter, depth, groupsMax, largestMax: 3);
            foreach ((string key, int bytes) in keys) totals.Add(Encoding.UTF8.GetBytes(key), bytes, bytes % 3 == 0 ? bytes : null);
            KeyReport report = Report(totals);
            Dictionary<string, (int Depth, long Keys, long Bytes, long Expiring)> model = Model(keys, prefix, delimiter, depth);

            Assert.Equal(Math.Min(groupsMax, model.Count), report.Groups.Count);
            Assert.All(report.Groups, group =>
                Assert.Equal(model[group.Prefix], (group.Depth, group.Total.Keys, group.Total.Bytes, group.Total.Expiring)));
            Assert.Equal(model.Values.Select(group => group.Bytes)
                .OrderDescending().Take(groupsMax), report.Groups.Select(group => group.Total.Bytes).OrderDescending());
            Assert.All(report.Groups.Where(group => group.Depth > 1), group =>
                Assert.Contains(report.Groups, parent => parent.Prefix == group.Parent));
            Assert.Equal(keys.Sum(key => key.Bytes + (long)Encoding.UTF8.GetByteCount(key.Key)), report.All.Total.Bytes);
            Assert.Equal(keys.Select(key => key.Bytes + (long)Encoding.UTF8.GetByteCount(key.Key))
                .OrderDescending().Take(3), report.Largest.Select(key => key.Bytes));

            // What is not kept is in the sum of its parent: nothing is lost, and nothing is counted twice.
            Assert.All(report.Groups.Append(report.All), group => Assert.Equal(
                group.Total.Keys, group.Direct.Keys + report.Inside(group).Sum(inner => inner.Total.Keys) + report.Untracked(group).Tally.Keys));
        }
    }

    private static KeyReport Report(KeyTotals totals)
    {
        IReadOnlyList<PrefixGroup> groups = totals.End();
        return new()
        {
            Delimiter = ":", All = totals.All, Groups = groups, Largest = totals.Largest(), Expiries = totals.Expiries, IsComplete = true,
            After = null, Position = null, Time = default,
        };
    }

    private static IEnumerable<string> RandomKeys(Random random) => Enumerable.Range(0, 200)
        .Select(_ => string.Concat(random.GetItems(["a", "b", ":", "::", "é"], random.Next(1, 8))))
            .Distinct().OrderBy(key => key, StringComparer.Ordinal);

    private static Dictionary<string, (int, long, long, long)> Model((string Key, int Bytes)[] keys, string prefix, string delimiter, int depth)
    {
        var model = new Dictionary<string, (int, long Keys, long Bytes, long Expiring)>();
        foreach ((string key, int bytes) in keys)
        {
            int end = prefix.Length;
            for (int i = 1; i <= depth && key.IndexOf(delimiter, end, StringComparison.Ordinal) is var at and >= 0; i++)
            {
                end = at + delimiter.Length;
                (_, long count, long sum, long expiring) = model.GetValueOrDefault(key[..end]);
                model[key[..end]] = (i, count + 1, sum + bytes + Encoding.UTF8.GetByteCount(key), expiring + (bytes % 3 == 0 ? 1 : 0));
            }
        }
        return model;
    }
}
