using KestrelKv.Storage.Feed;

namespace KestrelKv.Storage.Postgres.Feed;

/// <summary>A watch. Its first read waits until the feed knows the newest commit, which another door may have made.</summary>
/// <param name="reader">The feed of the door.</param>
/// <param name="query">The changes to watch.</param>
/// <param name="known">The newest commit that the door knew at the start.</param>
/// <param name="wake">The callback of the watch.</param>
internal sealed class PostgresWatch(FeedReader reader, WatchQuery query, long known, Action wake) : IWatch
{
    private readonly byte[] _prefix = query.Prefix.ToArray();

    // Without a version, the watch begins with the next commit: at the latest behind the commits that this door knows.
    private readonly long _from = query.From != 0 ? query.From : known + 1;
    private volatile FeedWatch? _watch;
    private volatile bool _isEnded;
    private bool _isDisposed;

    /// <inheritdoc/>
    public long Position => _watch?.Position ?? _from - 1;

    /// <inheritdoc/>
    public long OldestVersion => _isEnded ? reader.OldestVersion : _watch?.OldestVersion ?? reader.OldestVersion;

    /// <summary>Ends the watch: the history that it has delivered is not that of the database. Wakes its reader.</summary>
    public void End()
    {
        _isEnded = true;
        wake();
    }

    /// <inheritdoc/>
    public async ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (_watch is null && !_isEnded)
        {
            (ChangeFeed feed, long last) = await reader.CatchUpAsync(cancellationToken);
            try
            {
                _watch = feed.Watch(new WatchQuery { Prefix = _prefix, From = _from }, last, wake);
            }
            catch (ObjectDisposedException) when (_isEnded)
            {
                // The history was lost meanwhile, and its feed is closed.
            }
        }
        return _isEnded ? WatchStatus.Compacted : await _watch!.ReadAsync(changes, cancellationToken);
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _watch?.Dispose();
        reader.Close(this);
    }
}
