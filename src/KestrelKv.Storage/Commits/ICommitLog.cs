namespace KestrelKv.Storage.Commits;

/// <summary>Assigns all commits of a store to one order and, with a data directory, makes them durable. Thread-safe.</summary>
/// <remarks>
/// <c>TryCommit</c> is called under the locks of the changed entries, after all memory for the change is allocated and before the
/// change is applied. Versions are therefore assigned in log order, and for each key in the order of its changes. A commit that has a
/// version must be applied.
/// </remarks>
internal interface ICommitLog
{
    /// <summary>The version of the last commit; 0 if there is none.</summary>
    long Last { get; }

    /// <summary>
    /// Whether the queue of unwritten commits is so long that optional commits, such as those of the sweeper, should be delayed.
    /// </summary>
    bool IsBehind { get; }

    CommitStatus TryCommit(in Record change, out long version);

    /// <summary>
    /// Commits the changes of an atomic batch: puts, expiries or deletes of whole entries, at most one for each key. They are empty if
    /// they cancel each other out. <paramref name="expected"/> is the version that the commit must get; 0 for any.
    /// </summary>
    CommitStatus TryCommit(ReadOnlySpan<Change> changes, long expected, out long version);

    /// <summary>
    /// Waits until changes of this length can be committed or will be refused. Call it without locks, after
    /// <see cref="CommitStatus.NotReady"/>.
    /// </summary>
    Task WhenReady(long recordBytes);

    /// <summary>
    /// Whether the state that a commit left may be made visible after <see cref="WhenDurable(long, int)"/> completes. False if the disk
    /// failed before the commit was synced.
    /// </summary>
    bool CanPublish(long version);

    /// <summary>Completes with the result when all commits up to a version are as durable as the store's mode requires.</summary>
    /// <exception cref="DurabilityLostException">The disk has failed. The task throws it.</exception>
    ValueTask<int> WhenDurable(long version, int result);

    /// <inheritdoc cref="WhenDurable(long, int)"/>
    ValueTask<bool> WhenDurable(long version, bool result);

    /// <summary>Starts the write of queued commits that no call waits for.</summary>
    void Flush();

    IWatch Watch(in WatchQuery query, Action wake);

    CommitLogStats GetStats();

    /// <summary>Rejects all further commits. Must be called before the entries are freed.</summary>
    void Close();
}

/// <summary>Statistics of a commit log; see <see cref="StoreStats"/>.</summary>
internal readonly record struct CommitLogStats(
    DurabilityMode Mode, long DurableVersion, long FeedVersion, long OldestVersion, long Watches);

internal enum CommitStatus
{
    /// <summary>The commit has its version and must be applied.</summary>
    Done,

    /// <summary>The expected version is no longer the next one.</summary>
    VersionConflict,

    /// <summary>The log has no room for the commit at the moment; see <see cref="ICommitLog.WhenReady"/>.</summary>
    NotReady,

    DiskFull,

    DiskFailed,

    Closed,
}
