using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>What clients are told of a feed that can't begin, or go on.</summary>
public static class WatchErrors
{
    /// <summary>Why a feed has nothing more to tell; null where it may have.</summary>
    /// <param name="status">What a read of it said.</param>
    /// <param name="watch">The feed.</param>
    /// <param name="store">Its store.</param>
    public static ProtocolError? Find(WatchStatus status, IWatch watch, IKeyValueStore store) => status switch
    {
        WatchStatus.Compacted => Compacted(watch.Position, watch.OldestVersion),
        WatchStatus.Future => Future(store.GetStats().Version),
        _ => null,
    };

    /// <summary>What comes next is kept, but can't be read from disk.</summary>
    /// <param name="watch">The feed.</param>
    /// <param name="failure">Why.</param>
    public static ProtocolError Unreadable(IWatch watch, IOException failure) => new(
        ErrorCode.DiskFailed, $"the changes from version {watch.Position + 1} on can't be read from disk just now: {failure.Message}");

    private static ProtocolError Compacted(long position, long oldest) => new(
        ErrorCode.Compacted,
        $"the changes from version {position + 1} on are no longer kept, the oldest ones are those of version {oldest} " +
        "(Data:HistoryBytes, Data:HistoryTime); read the entries anew, then watch from there")
    {
        OldestVersion = oldest,
    };

    private static ProtocolError Future(long version) => new(
        ErrorCode.FutureVersion, $"the last version is {version}, expected a version to begin with of at most one more")
    {
        Version = version,
    };
}
