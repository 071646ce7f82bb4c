namespace KestrelKv.Storage;

/// <summary>What happened to an entry.</summary>
public enum ChangeKind
{
    /// <summary>Its value was set, and its expiry with it.</summary>
    Put,

    /// <summary>It was removed by an operation.</summary>
    Delete,

    /// <summary>Its expiry was set or taken away; its value is what it was.</summary>
    SetExpiry,

    /// <summary>It was removed because it had expired.</summary>
    Expire,

    /// <summary>It was removed to make room for others.</summary>
    Evict,
}

/// <summary>One change of one entry.</summary>
public readonly ref struct ChangeView
{
    /// <summary>What happened.</summary>
    public ChangeKind Kind { get; init; }

    /// <summary>The version of the commit.</summary>
    public long Version { get; init; }

    /// <summary>The key. Valid only during the call that hands it over.</summary>
    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value that was put. Valid only during the call that hands it over.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>When the entry expires, as in <see cref="Operation.ExpiresAt"/>; of a put or a change of the expiry.</summary>
    public long ExpiresAt { get; init; }
}

/// <summary>Takes the changes of a feed.</summary>
public interface IChangeSink
{
    /// <summary>Takes one change. Without locks; it may not call the watch.</summary>
    /// <returns>False to stop after the last change of this commit.</returns>
    bool OnChange(in ChangeView change);
}

/// <summary>Which changes to watch.</summary>
public readonly struct WatchQuery
{
    /// <summary>Only those of keys that begin with these bytes. Empty for all.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>From the commit of this version on; 0 for those that come from now on.</summary>
    public long From { get; init; }
}

/// <summary>What there is after a read of the feed.</summary>
public enum WatchStatus
{
    /// <summary>There may be more to read at once.</summary>
    More,

    /// <summary>Nothing more for now; the watch wakes its owner when there is.</summary>
    UpToDate,

    /// <summary>
    /// What comes next is no longer kept: the history before <see cref="IWatch.OldestVersion"/> is gone, because the watch
    /// began too far back, or was read too slowly. Nothing more will come.
    /// </summary>
    Compacted,

    /// <summary>The version that it is to begin with lies beyond the next one. Nothing will come.</summary>
    Future,
}

/// <summary>A position in the feed. For one reader at a time. To be disposed of, or the store goes on counting it.</summary>
public interface IWatch : IDisposable
{
    /// <summary>All changes up to the commit of this version have been handed over, or there were none under the prefix.</summary>
    long Position { get; }

    /// <summary>The oldest version from which a feed can begin now.</summary>
    long OldestVersion { get; }

    /// <summary>
    /// Hands over changes, always whole commits (of which what is not under the prefix is left out), until the sink has
    /// enough or there are no more. What lies further back is read from disk, by another thread, a part at a time.
    /// </summary>
    /// <exception cref="IOException">What lies further back can't be read from disk just now. What was handed over stays so.</exception>
    ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default);
}
