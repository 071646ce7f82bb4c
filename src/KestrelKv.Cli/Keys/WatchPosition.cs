using KestrelKv.Client;

namespace KestrelKv.Cli.Keys;

/// <summary>The position at which a later watch continues without a gap.</summary>
internal sealed class WatchPosition
{
    /// <summary>The next version to report; null if none is known yet.</summary>
    /// <remarks>
    /// It is the version of the last change if that commit may have further changes. They, and those reported before, then follow again.
    /// </remarks>
    public long? Next { get; private set; }

    // The changes of a snapshot are not in the order of versions.
    private bool _isSnapshot;

    /// <summary>Follows an event that was printed, or that reports progress.</summary>
    public void Follow(WatchEventKind kind, long version)
    {
        _isSnapshot = kind == WatchEventKind.Reset || (_isSnapshot && kind != WatchEventKind.CaughtUp);
        if (kind == WatchEventKind.Reset) Next = null;
        else if (!_isSnapshot) Next = kind is WatchEventKind.Progress or WatchEventKind.CaughtUp ? version + 1 : version;
    }
}
