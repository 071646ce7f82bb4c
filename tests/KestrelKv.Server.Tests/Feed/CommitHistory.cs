namespace KestrelKv.Server.Tests.Feed;

/// <summary>All commits there were, as a feed of everything has told them, beside what was sent.</summary>
internal sealed class CommitHistory
{
    /// <summary>A start raises the version by at least so much.</summary>
    private const long RaiseMin = 1 << 24;

    private readonly Dictionary<long, FeedChange[]> _commits;

    /// <param name="changes">All changes from the first version on. Fails where a version is missing within one life.</param>
    public CommitHistory(IReadOnlyList<FeedChange> changes)
    {
        _commits = changes.GroupBy(change => change.Version).ToDictionary(commit => commit.Key, commit => commit.ToArray());
        long last = 0;
        foreach (long version in _commits.Keys.Order())
        {
            // What was acknowledged just before or after a start is looked for by Check.
            Assert.True(version == last + 1 || version - last > RaiseMin, $"{_commits.Count} commits were received, and not version {last + 1}");
            last = version;
        }
    }

    /// <summary>Fails where a write that was acknowledged is not there as it was, or another change is there that nobody asked for.</summary>
    public void Check(IReadOnlyList<SentCall> calls)
    {
        HashSet<long> acknowledged = [];
        foreach (SentCall call in calls.Where(call => call.Version > 0))
        {
            Assert.True(acknowledged.Add(call.Version!.Value), $"version {call.Version} was given twice, once to {call.Text}");
            FeedChange[] told = _commits.GetValueOrDefault(call.Version.Value, []);
            Assert.True(told.SequenceEqual(call.Changes), $"{call.Text} was acknowledged to be {List(call.Changes)}; the feed tells {List(told)}");
        }
        CheckOthers(calls, acknowledged);
    }

    /// <summary>What was not acknowledged is there whole or not at all, and once.</summary>
    private void CheckOthers(IReadOnlyList<SentCall> calls, HashSet<long> acknowledged)
    {
        Dictionary<string, SentCall> unknown = [];
        foreach (SentCall call in calls.Where(call => call.Version is null))
            foreach (string value in call.Values) unknown.Add(value, call);

        foreach (FeedChange[] commit in _commits.Values.Where(commit => !acknowledged.Contains(commit[0].Version)))
        {
            string[] values = [.. commit.Where(change => change.Kind == "put" && !change.Key.StartsWith("n:", StringComparison.Ordinal)).Select(change => change.Value!)];
            if (values.Length == 0) continue;
            Assert.True(unknown.TryGetValue(values[0], out SentCall? call), $"the feed tells {List(commit)}, which nobody has sent, or it has told it before");
            Assert.True(values.SequenceEqual(call.Values), $"of {call.Text} the feed tells {List(commit)}");
            foreach (string value in values) unknown.Remove(value);
        }
    }

    private static string List(IEnumerable<FeedChange> changes) => $"[{string.Join(", ", changes)}]";
}
