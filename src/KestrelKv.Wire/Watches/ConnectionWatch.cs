using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>One watch of a connection: a position in the feed, and how it is told.</summary>
internal sealed class ConnectionWatch(RequestOptions options, ReadOnlyMemory<byte> idText, Action signal) : IDisposable
{
    // The request that it came with is gone when its replies are written.
    private readonly byte[] _idText = idText.ToArray();
    private readonly byte[] _prefix = options.Prefix.ToArray();
    private volatile bool _ready;

    /// <summary>What the connection calls it; 0 until it has begun.</summary>
    public long Number { get; set; }

    /// <summary>The feed.</summary>
    public IWatch Feed { get; private set; } = null!;

    /// <summary>The id of the request that it came with.</summary>
    public ReadOnlySpan<byte> IdText => _idText;

    /// <summary>Whether values are told.</summary>
    public bool Values { get; } = options.Values;

    /// <summary>After what time without changes it tells its position.</summary>
    public TimeSpan BookmarkInterval { get; } = options.BookmarkInterval;

    /// <summary>The timestamp at which it next tells its position.</summary>
    public long BookmarkAt { get; set; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Whether there may be something to read.</summary>
    public bool IsReady => _ready;

    /// <summary>Opens the feed.</summary>
    public void Open(IKeyValueStore store) =>
        Feed = store.Watch(new WatchQuery { Prefix = _prefix, From = options.FromVersion }, MarkReady);

    /// <summary>There may be something to read. Called by any thread.</summary>
    public void MarkReady()
    {
        _ready = true;
        signal();
    }

    /// <summary>There is more to read.</summary>
    public void MarkUnread() => _ready = true;

    /// <summary>Begins to read: what comes from now on is to be read again.</summary>
    public void MarkRead() => _ready = false;

    /// <inheritdoc/>
    public void Dispose()
    {
        HasEnded = true;
        Feed.Dispose();
    }
}
