using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>The changes that a watcher has received over all its connections. Fails at once if they are out of order.</summary>
internal sealed class CollectedFeed(string prefix)
{
    private readonly List<FeedChange> _changes = [];
    private long _position;

    /// <summary>The prefix of all keys.</summary>
    public string Prefix => prefix;

    /// <summary>The changes. Read them only after the watcher has ended.</summary>
    public IReadOnlyList<FeedChange> Changes => _changes;

    /// <summary>The version up to which the feed is complete.</summary>
    public long Position => Volatile.Read(ref _position);

    /// <summary>Adds the response object of a WATCH.</summary>
    public void Take(JsonElement response)
    {
        long version = response.GetProperty("version").GetInt64();
        long last = _position + 1;
        foreach (JsonElement element in response.GetProperty("changes").EnumerateArray())
        {
            // A commit is never split: no commit of the last reply continues in this one.
            var change = FeedChange.Of(element);
            Assert.True(
                change.Version >= last && change.Version <= version, $"{change} after version {last}, in a reply up to version {version}");
            Assert.StartsWith(prefix, change.Key, StringComparison.Ordinal);
            _changes.Add(change);
            last = change.Version;
        }
        Assert.True(version >= _position, $"the feed went back from version {_position} to {version}");
        Volatile.Write(ref _position, version);
    }
}
