using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>
/// A watch of one client, over a socket or an event stream. Reads the feed one piece at a time, and decides when a bookmark is due and
/// why the watch ends. The caller only writes the text.
/// </summary>
/// <remarks>
/// Must be used by one thread at a time; the signal comes from any thread. Order of calls: <see cref="ReadAsync"/>; if
/// <see cref="HasNews"/>, write <see cref="WriteHead"/>, <see cref="Changes"/> and <see cref="Tail"/>; then <see cref="EndPiece"/>.
/// </remarks>
public sealed class WatchSession : IDisposable
{
    private readonly IKeyValueStore _store;
    private readonly TimeProvider _time;
    private readonly Action _signal;
    private readonly IWatch _feed;
    private readonly ChangesText _changes;
    private readonly TimeSpan _bookmarkInterval;
    private volatile bool _ready;

    /// <summary>Opens a watch.</summary>
    /// <param name="store">The store.</param>
    /// <param name="options">The parameters of the WATCH; not kept.</param>
    /// <param name="time">The clock of the bookmarks.</param>
    /// <param name="signal">Called by any thread once there may be something to read.</param>
    /// <param name="budget">The budget that counts the changes read; null for none.</param>
    public WatchSession(IKeyValueStore store, RequestOptions options, TimeProvider time, Action signal, ByteBudget? budget = null)
    {
        (_store, _time, _signal) = (store, time, signal);
        _bookmarkInterval = options.BookmarkInterval;
        _changes = new ChangesText(options.Values, budget);
        _feed = store.Watch(new WatchQuery { Prefix = options.Prefix.ToArray(), From = options.FromVersion }, MarkReady);
        Begin = options.FromVersion > 0 ? options.FromVersion - 1 : _feed.Position;
        EndPiece();
    }

    /// <summary>The text after the changes.</summary>
    public static ReadOnlySpan<byte> Tail => "]}"u8;

    /// <summary>The position before the first change. The first reply is a bookmark with this position.</summary>
    public long Begin { get; }

    /// <summary>The position up to which all changes have been read.</summary>
    public long Position => _feed.Position;

    /// <summary>The timestamp at which the next bookmark is due.</summary>
    public long BookmarkAt { get; private set; }

    /// <summary>The changes read, as JSON text separated by commas.</summary>
    public TextBuffer Changes => _changes.Text;

    /// <summary>Whether there is something to write: changes, or a due bookmark.</summary>
    public bool HasNews => HasChanges || _time.GetTimestamp() >= BookmarkAt;

    /// <summary>Whether changes were read.</summary>
    public bool HasChanges => _changes.Count > 0;

    /// <summary>The error that ends the watch after the changes read; null while it continues.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>Whether to read: there may be more changes, or a bookmark is due.</summary>
    public bool IsReady => _ready || _time.GetTimestamp() >= BookmarkAt;

    /// <summary>Reads the next piece of the feed: whole commits, of up to 64 KiB or one commit more.</summary>
    public async ValueTask ReadAsync(CancellationToken cancellationToken = default)
    {
        _changes.Clear();

        // Later changes signal again.
        _ready = false;
        try
        {
            WatchStatus status = await _feed.ReadAsync(_changes, cancellationToken);
            Error = status switch
            {
                WatchStatus.Compacted => Compacted(),
                WatchStatus.Future => Future(_store.GetStats().Version),
                _ => null,
            };
            if (status == WatchStatus.More) _ready = true;
        }
        catch (Exception e) when (e is IOException or StoreUnavailableException)
        {
            // Only this watch fails.
            Error = e is IOException
                ? new(ErrorCode.DiskFailed, $"the changes from version {Position + 1} on cannot be read from disk now: {e.Message}")
                : new(ErrorCode.Unavailable, $"the changes from version {Position + 1} on cannot be read now: {e.Message}");
        }
    }

    /// <summary>Writes <c>{["watch": N, ]"version": V, "changes": [</c>, the text before the changes.</summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="watch">The number of the watch; null for none.</param>
    /// <param name="version">The position of the watch to report.</param>
    public static void WriteHead(TextBuffer text, long? watch, long version)
    {
        text.Write("{"u8);
        if (watch is { } number)
        {
            text.WriteMember("\"watch\": "u8, number);
            text.Write(", "u8);
        }
        text.WriteMember("\"version\": "u8, version);
        text.Write(", \"changes\": ["u8);
    }

    /// <summary>Releases the memory of the written piece, and restarts the time to the next bookmark.</summary>
    public void EndPiece()
    {
        _changes.Clear();
        BookmarkAt = _time.GetTimestamp() + (long)(_bookmarkInterval.TotalSeconds * _time.TimestampFrequency);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _feed.Dispose();
        _changes.Dispose();
    }

    private void MarkReady()
    {
        _ready = true;
        _signal();
    }

    private ProtocolError Compacted() => new(
        ErrorCode.Compacted,
        Position + 1 < _feed.OldestVersion
            ? $"the changes from version {Position + 1} on are no longer kept (Data:HistoryBytes, Data:HistoryTime); " +
              $"the oldest kept version is {_feed.OldestVersion}; read the entries again, then start a new watch"
            : $"version {Position} was lost in a crash or undone by a restore; read the entries again, then start a new watch")
    {
        OldestVersion = _feed.OldestVersion,
    };

    private static ProtocolError Future(long version) => new(
        ErrorCode.FutureVersion, $"the last version is {version}, expected \"from_version\" to be at most {version + 1}")
    {
        Version = version,
    };
}
