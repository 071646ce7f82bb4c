using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>
/// One watch of a client, over a socket or a stream of events: reads the feed a piece at a time, says when a bookmark is due, and
/// why the watch ends. The doors only write what it has.
/// </summary>
/// <remarks>
/// For one thread at a time, except the signal, which any thread gives. The order of calls: <see cref="ReadAsync"/>, then, if there
/// is <see cref="HasNews"/>, write <see cref="WriteHead"/>, <see cref="Changes"/> and <see cref="Tail"/>, then <see cref="EndPiece"/>.
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
    /// <param name="options">What the WATCH asks for; not kept.</param>
    /// <param name="time">The clock of the bookmarks.</param>
    /// <param name="signal">Is called, by any thread, once there may be something to read.</param>
    /// <param name="budget">Counts the changes that were read; null for no count.</param>
    public WatchSession(IKeyValueStore store, RequestOptions options, TimeProvider time, Action signal, ByteBudget? budget = null)
    {
        (_store, _time, _signal) = (store, time, signal);
        _bookmarkInterval = options.BookmarkInterval;
        _changes = new ChangesText(options.Values, budget);
        _feed = store.Watch(new WatchQuery { Prefix = options.Prefix.ToArray(), From = options.FromVersion }, MarkReady);
        Begin = options.FromVersion > 0 ? options.FromVersion - 1 : _feed.Position;
        EndPiece();
    }

    /// <summary>What comes behind the changes.</summary>
    public static ReadOnlySpan<byte> Tail => "]}"u8;

    /// <summary>The position before the first change: the first thing that a client gets is a bookmark with it.</summary>
    public long Begin { get; }

    /// <summary>The position up to which all changes have been read.</summary>
    public long Position => _feed.Position;

    /// <summary>The timestamp at which the next bookmark is due.</summary>
    public long BookmarkAt { get; private set; }

    /// <summary>The changes that were read, as JSON text with commas between them.</summary>
    public TextBuffer Changes => _changes.Text;

    /// <summary>Whether there is something to write: changes, or a bookmark.</summary>
    public bool HasNews => HasChanges || _time.GetTimestamp() >= BookmarkAt;

    /// <summary>Whether changes were read.</summary>
    public bool HasChanges => _changes.Count > 0;

    /// <summary>Why the watch ends, behind the changes that were read; null while it does not.</summary>
    public ProtocolError? Error { get; private set; }

    /// <summary>Whether a read is worth it: there may be more changes, or a bookmark is due.</summary>
    public bool IsReady => _ready || _time.GetTimestamp() >= BookmarkAt;

    /// <summary>Reads the next piece of the feed: whole commits, of 64 KiB or one commit more.</summary>
    public async ValueTask ReadAsync(CancellationToken cancellationToken = default)
    {
        _changes.Clear();

        // What comes from now on signals again.
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
        catch (IOException e)
        {
            // It concerns this watch alone.
            Error = new(ErrorCode.DiskFailed, $"the changes from version {Position + 1} on cannot be read from disk at present: {e.Message}");
        }
    }

    /// <summary><c>{["watch": N, ]"version": V, "changes": [</c>, what comes before the changes.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="watch">The number of the watch; null where it has none.</param>
    /// <param name="version">The position of the watch, as its client is to know it.</param>
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

    /// <summary>Releases the memory of the piece, which was written, and begins the time to the next bookmark.</summary>
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
            ? $"the changes from version {Position + 1} on are no longer kept, the oldest ones are those of version {_feed.OldestVersion} " +
              "(Data:HistoryBytes, Data:HistoryTime); read the entries again, then watch from there"
            : $"version {Position} is not in the history: a crash or a restore has undone it; read the entries again, then watch from there")
    {
        OldestVersion = _feed.OldestVersion,
    };

    private static ProtocolError Future(long version) => new(
        ErrorCode.FutureVersion, $"the last version is {version}, expected a version to begin with of at most one more")
    {
        Version = version,
    };
}
