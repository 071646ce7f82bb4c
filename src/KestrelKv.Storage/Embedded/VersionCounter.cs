using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>The order of commits of a store that is in memory only: versions are counted, and that is all.</summary>
internal sealed class VersionCounter : ICommitOrder
{
    private long _last;

    public long Last => Volatile.Read(ref _last);

    public CommitStatus TryCommit(in Record change, out long version)
    {
        version = Interlocked.Increment(ref _last);
        return CommitStatus.Done;
    }

    public CommitStatus TryCommit(ReadOnlySpan<Operation> batch, ReadOnlySpan<bool> changes, long expected, out long version)
    {
        version = expected == 0 ? Interlocked.Increment(ref _last) : expected;
        return expected == 0 || Interlocked.CompareExchange(ref _last, expected, expected - 1) == expected - 1
            ? CommitStatus.Done
            : CommitStatus.Overtaken;
    }
}
