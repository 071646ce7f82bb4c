using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>What a watcher was told, over all its connections. Fails at once where it is out of order.</summary>
/// <param name="prefix">What all keys begin with.</param>
internal sealed class CollectedFeed(string prefix)
{
    private readonly List<FeedChange> _changes = [];
    private long _position;

    /// <summary>What all keys begin with.</summary>
    public string Prefix => prefix;

    /// <summary>The changes; not while it is still told some.</summary>
    public IReadOnlyList<FeedChange> Changes => _changes;

    /// <summary>Everything up to this version has been told.</summary>
    public long Position => Volatile.Read(ref _position);

    /// <summary>Takes the response object of a WATCH.</summary>
    public void Take(JsonElement response)
    {
        long version = response.GetProperty("version").GetInt64();
        long last = _position + 1;
        foreach (JsonElement told in response.GetProperty("changes").EnumerateArray())
        {
            // No commit is cut in two: one of which a part was told with the last reply does not go on in this one.
            var change = FeedChange.Of(told);
            Assert.True(change.Version >= last && change.Version <= version, $"{change} after version {last}, in a reply up to version {version}");
            Assert.StartsWith(prefix, change.Key, StringComparison.Ordinal);
            _changes.Add(change);
            last = change.Version;
        }
        Assert.True(version >= _position, $"the feed has gone back from version {_position} to {version}");
        Volatile.Write(ref _position, version);
    }
}
