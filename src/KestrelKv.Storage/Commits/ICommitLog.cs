namespace KestrelKv.Storage.Commits;

/// <summary>Puts all commits of a store into one order and, if it has a disk, makes them durable. Safe for use by many threads.</summary>
/// <remarks>
/// <c>TryCommit</c> is called under the locks of the changed entries, after all memory for the change has been obtained and before the
/// change is applied. So the versions of each key are in the order of its commits, and the log is in the order of versions. A commit
/// that has a version must be applied.
/// </remarks>
internal interface ICommitLog
{
    /// <summary>The version of the last commit; 0 if there is none.</summary>
    long Last { get; }

    /// <summary>Whether so much waits to be written that optional commits, such as those of the sweeper, should wait.</summary>
    bool IsBehind { get; }

    /// <summary>Commits one change.</summary>
    CommitStatus TryCommit(in Record change, out long version);

    /// <summary>Commits the changes of an atomic batch.</summary>
    /// <param name="changes">Puts, expiries or deletes of whole entries, one for each key; none if they cancel each other out.</param>
    /// <param name="expected">The version that the commit must get; 0 for any.</param>
    /// <param name="version">The version that the commit has.</param>
    CommitStatus TryCommit(ReadOnlySpan<Operation> changes, long expected, out long version);

    /// <summary>
    /// Waits until records of so many bytes can be committed, or will be refused, after <see cref="CommitStatus.NotReady"/>. To be
    /// called without locks.
    /// </summary>
    Task WhenReady(long recordBytes);

    /// <summary>
    /// Whether the state that a commit left may be shown once <see cref="WhenDurable(long, int)"/> has completed. False if the disk
    /// failed before the commit was synced.
    /// </summary>
    bool MayShow(long version);

    /// <summary>Completes with a result once all commits up to a version are as durable as the store is configured to make them.</summary>
    /// <exception cref="DurabilityLostException">The disk has failed; thrown by the task.</exception>
    ValueTask<int> WhenDurable(long version, int result);

    /// <inheritdoc cref="WhenDurable(long, int)"/>
    ValueTask<bool> WhenDurable(long version, bool result);

    /// <summary>Has commits written for which no call waits.</summary>
    void Flush();

    /// <summary>Opens a watch on the feed of all commits.</summary>
    IWatch Watch(in WatchQuery query, Action wake);

    /// <summary>Figures of the log.</summary>
    CommitLogStats GetStats();

    /// <summary>Takes no more commits. To be called before the entries are freed.</summary>
    void Close();
}

/// <summary>Figures of a commit log; see <see cref="StoreStats"/>.</summary>
internal readonly record struct CommitLogStats(DurabilityMode Mode, long DurableVersion, long FeedVersion, long OldestVersion, long Watches);

/// <summary>The outcome of an attempt to commit.</summary>
internal enum CommitStatus
{
    /// <summary>The commit has its version and must be applied.</summary>
    Done,

    /// <summary>The expected version is no longer the next one.</summary>
    VersionConflict,

    /// <summary>The log has no room for it at the moment; see <see cref="ICommitLog.WhenReady"/>.</summary>
    NotReady,

    /// <summary>The disk has no space for it.</summary>
    DiskFull,

    /// <summary>The disk has failed.</summary>
    DiskFailed,

    /// <summary>The store is closed.</summary>
    Closed,
}
