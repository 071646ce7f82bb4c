namespace KestrelKv.Storage.Embedded;

/// <summary>
/// The versions of all commits of a store, from 1 on. To be counted up under the locks of what the commit changes, so that
/// versions are in the order of commits for each key.
/// </summary>
internal sealed class VersionCounter
{
    private long _last;

    /// <summary>The version of the last commit; 0 where there was none.</summary>
    public long Last => Volatile.Read(ref _last);

    /// <summary>A version for a commit.</summary>
    public long Next() => Interlocked.Increment(ref _last);

    /// <summary>A certain version for a commit; false where it is not, or no longer, the next one.</summary>
    public bool TryTake(long next) => Interlocked.CompareExchange(ref _last, next, next - 1) == next - 1;
}
