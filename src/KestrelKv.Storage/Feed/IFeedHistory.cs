namespace KestrelKv.Storage.Feed;

/// <summary>The history behind that in memory: earlier commits. Thread-safe.</summary>
internal interface IFeedHistory
{
    /// <summary>The version of the first commit in the history; <see cref="long.MaxValue"/> for none.</summary>
    long Oldest { get; }

    /// <summary>
    /// Reads some of the commits after <paramref name="position"/>, at most up to <paramref name="upTo"/>. Returns false if the position
    /// does not belong to this history.
    /// </summary>
    /// <exception cref="IOException">The history cannot currently be read.</exception>
    ValueTask<bool> ReadAsync(LogCursor cursor, long position, long upTo, CommitReader read);
}
