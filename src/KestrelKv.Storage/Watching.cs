namespace KestrelKv.Storage;

/// <summary>The kind of a change.</summary>
public enum ChangeKind
{
    /// <summary>The value and expiry were set.</summary>
    Put,

    /// <summary>An operation removed the entry.</summary>
    Delete,

    /// <summary>The expiry was set or cleared. The value is unchanged.</summary>
    SetExpiry,

    /// <summary>The entry was removed because it expired.</summary>
    Expire,

    /// <summary>The entry was evicted because memory was full.</summary>
    Evict,
}

/// <summary>A change of one entry.</summary>
public readonly ref struct ChangeView
{
    /// <summary>The kind of the change.</summary>
    public ChangeKind Kind { get; init; }

    /// <summary>The version of the commit.</summary>
    public long Version { get; init; }

    /// <summary>The key. Valid only during the invocation of the sink.</summary>
    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value of a put. Valid only during the invocation of the sink.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>The expiry of the entry after a put or a change of the expiry, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; init; }
}

/// <summary>Receives the changes of a watch.</summary>
public interface IChangeSink
{
    /// <summary>Receives one change. It is invoked without locks and must not call the watch.</summary>
    /// <returns>False to stop after the last change of this commit.</returns>
    bool OnChange(in ChangeView change);
}

/// <summary>The changes to watch.</summary>
public readonly struct WatchQuery
{
    /// <summary>The prefix of the keys. Empty for all keys.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>The version of the first commit; 0 to start with the next commit.</summary>
    public long From { get; init; }
}

/// <summary>The state of a watch after a read.</summary>
public enum WatchStatus
{
    /// <summary>More changes may be available immediately.</summary>
    More,

    /// <summary>No more changes are available. The watch invokes its wake callback when there are more.</summary>
    UpToDate,

    /// <summary>
    /// The history before <see cref="IWatch.OldestVersion"/> is gone: the watch started too far back, or was read too slowly. It
    /// returns no more changes.
    /// </summary>
    Compacted,

    /// <summary>The start version is beyond the next version. The watch returns no changes.</summary>
    Future,
}

/// <summary>A position in the feed. For one reader at a time. Must be disposed; the store counts it as open until then.</summary>
public interface IWatch : IDisposable
{
    /// <summary>The version up to which all changes under the prefix have been returned.</summary>
    long Position { get; }

    /// <summary>The oldest version from which a watch can start now.</summary>
    long OldestVersion { get; }

    /// <summary>
    /// Passes changes to the sink until the sink stops the read or no more are available. It passes whole commits, without changes
    /// outside the prefix. Older history is read from disk on another thread, one part per read.
    /// </summary>
    /// <exception cref="IOException">Older history cannot currently be read from disk. Changes already passed on remain valid.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer. Changes already passed on remain valid.</exception>
    ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default);
}
