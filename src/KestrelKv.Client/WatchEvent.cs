namespace KestrelKv.Client;

/// <summary>What happened to an entry, or to the watch.</summary>
public enum WatchEventKind
{
    /// <summary>The entry has a new value. The event has the value (unless <see cref="WatchOptions.KeysOnly"/>) and the expiry.</summary>
    Put,

    /// <summary>The expiry of the entry changed, but not its value. The event has the expiry.</summary>
    SetExpiry,

    /// <summary>A request removed the entry.</summary>
    Delete,

    /// <summary>The entry expired.</summary>
    Expire,

    /// <summary>The server removed the entry to free memory.</summary>
    Evict,

    /// <summary>
    /// A snapshot begins: discard all entries under the prefix. Only in a snapshot with watch, always as its first event, and again if the
    /// server no longer kept the next changes. The event has no key.
    /// </summary>
    Reset,

    /// <summary>The snapshot is complete: all entries as of the event's version have been reported. The event has no key.</summary>
    CaughtUp,

    /// <summary>All changes up to and including the event's version have been reported. The event has no key.</summary>
    Progress,
}

/// <summary>An event of a watch.</summary>
/// <typeparam name="T">The type of values.</typeparam>
/// <param name="Kind">The kind of the event.</param>
/// <param name="Key">The key; empty for an event that concerns the watch itself.</param>
/// <param name="Value">The value of a <see cref="WatchEventKind.Put"/>; otherwise the default.</param>
/// <param name="Version">
/// The version of the commit. To resume a watch after an event of another version has followed, use this version + 1 as
/// <see cref="WatchOptions.FromVersion"/>: all changes of one commit have the same version.
/// </param>
/// <param name="ExpiresAt">The time at which the entry expires, to the millisecond; null for never.</param>
public readonly record struct WatchEvent<T>(WatchEventKind Kind, string Key, T? Value, long Version, DateTimeOffset? ExpiresAt)
{
    /// <summary>Whether the entry was removed, for whatever reason.</summary>
    public bool IsRemoval => Kind is WatchEventKind.Delete or WatchEventKind.Expire or WatchEventKind.Evict;
}
