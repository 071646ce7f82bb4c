using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>Puts all commits of a store into one order: gives each its version and, where there is a log, writes it there.</summary>
/// <remarks>
/// Its methods are to be called under the locks of what the commit changes, just before it is changed: so for each key
/// versions are in the order of its commits, and the log is in the order of versions. A commit that was given a version
/// must be carried out.
/// </remarks>
internal interface ICommitOrder
{
    /// <summary>The version of the last commit; 0 where there was none.</summary>
    long Last { get; }

    /// <summary>Commits one change.</summary>
    CommitStatus TryCommit(in Record change, out long version);

    /// <summary>Commits the operations of a batch, those that change something, as one.</summary>
    /// <param name="batch">The operations.</param>
    /// <param name="changes">Which of them change something: at least one.</param>
    /// <param name="expected">The version that it must get; 0 for any.</param>
    /// <param name="version">The version that it has got.</param>
    CommitStatus TryCommit(ReadOnlySpan<Operation> batch, ReadOnlySpan<bool> changes, long expected, out long version);
}

/// <summary>What became of a commit.</summary>
internal enum CommitStatus
{
    /// <summary>It has its version, and is to be carried out.</summary>
    Done,

    /// <summary>The version that it must get is no longer the next one.</summary>
    Overtaken,

    /// <summary>Whether there is space for it on disk is being found out; it can be tried again soon.</summary>
    Unready,

    /// <summary>The disk has no space for it.</summary>
    DiskFull,

    /// <summary>The disk has failed.</summary>
    DiskFailed,
}
