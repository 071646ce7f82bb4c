using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Embedded;

/// <summary>The feed of the store.</summary>
public sealed partial class EmbeddedStore
{
    private readonly Lock _feedOpening = new();
    private readonly long _feedMemoryBytes;

    /// <summary>Null for a store in memory that nobody has watched yet.</summary>
    private volatile ChangeFeed? _feed;

    /// <inheritdoc/>
    public IWatch Watch(WatchQuery query, Action wake)
    {
        // Before anything is begun that would go on.
        ArgumentOutOfRangeException.ThrowIfNegative(query.From, nameof(query));
        return (_feed ?? OpenFeed(hasThread: true)).Watch(query, wake);
    }

    /// <summary>Of a store with a log: the feed that this is shown in.</summary>
    internal void ShowIn(ChangeFeed feed) => _feed = feed;

    /// <summary>Of a store in memory: from now on all commits are written to a history.</summary>
    internal ChangeFeed OpenFeed(bool hasThread)
    {
        lock (_feedOpening)
        {
            if (_feed is { } opened) return opened;
            uint all = (1u << _shards.Length) - 1;
            EnterAll(all);
            try
            {
                long last = _commits.Last;
                var feed = new ChangeFeed(_feedMemoryBytes, log: null, () => _commits.Last, last, hasThread);
                feed.History.BeginAt(last + 1);
                _commits = new RecordedOrder(last, feed);
                foreach (Shard shard in _shards) shard.Commits = _commits;
                return _feed = feed;
            }
            finally
            {
                ExitAll(all);
            }
        }
    }
}
