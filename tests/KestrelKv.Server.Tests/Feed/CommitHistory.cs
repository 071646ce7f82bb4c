namespace KestrelKv.Server.Tests.Feed;

/// <summary>All commits, as received by a watch of all keys, to compare with the calls sent.</summary>
internal sealed class CommitHistory
{
    /// <summary>The minimum by which a start of the server raises the version.</summary>
    private const long RaiseMin = 1 << 24;

    private readonly Dictionary<long, FeedChange[]> _commits;

    /// <param name="changes">All changes from the first version on. Fails if a version is missing within one life of the server.</param>
    public CommitHistory(IReadOnlyList<FeedChange> changes)
    {
        _commits = changes.GroupBy(change => change.Version).ToDictionary(commit => commit.Key, commit => commit.ToArray());
        long last = 0;
        foreach (long version in _commits.Keys.Order())
        {
            // Check looks for writes that were acknowledged shortly before or after a start.
            Assert.True(
                version == last + 1 || version - last > RaiseMin,
                $"{_commits.Count} commits were received, but version {last + 1} is missing");
            last = version;
        }
    }

    /// <summary>Fails if an acknowledged write is missing or different, or if the feed has a change that no call made.</summary>
    public void Check(IReadOnlyList<SentCall> calls)
    {
        HashSet<long> acknowledged = [];
        foreach (SentCall call in calls.Where(call => call.Version > 0))
        {
            Assert.True(acknowledged.Add(call.Version!.Value), $"version {call.Version} was assigned twice, once to {call.Text}");
            FeedChange[] received = _commits.GetValueOrDefault(call.Version.Value, []);
            Assert.True(
                received.SequenceEqual(call.Changes),
                $"{call.Text} was acknowledged as {List(call.Changes)}, but the feed has {List(received)}");
        }
        CheckOthers(calls, acknowledged);
    }

    /// <summary>Checks that unacknowledged calls are in the feed completely or not at all, and at most once.</summary>
    private void CheckOthers(IReadOnlyList<SentCall> calls, HashSet<long> acknowledged)
    {
        Dictionary<string, SentCall> unknown = [];
        foreach (SentCall call in calls.Where(call => call.Version is null))
            foreach (string value in call.Values) unknown.Add(value, call);

        foreach (FeedChange[] commit in _commits.Values.Where(commit => !acknowledged.Contains(commit[0].Version)))
        {
            string[] values =
            [
                .. commit.Where(change => change.Kind == "put" && !change.Key.StartsWith("n:", StringComparison.Ordinal))
                    .Select(change => change.Value!),
            ];
            if (values.Length == 0) continue;
            Assert.True(
                unknown.TryGetValue(values[0], out SentCall? call), $"the feed has {List(commit)}, which was not sent, or is a duplicate");
            Assert.True(values.SequenceEqual(call.Values), $"the feed has {List(commit)} for {call.Text}");
            foreach (string value in values) unknown.Remove(value);
        }
    }

    private static string List(IEnumerable<FeedChange> changes) => $"[{string.Join(", ", changes)}]";
}
