namespace KestrelKv.Storage;

/// <summary>
/// Entries (key, value, version, expiry) under keys that are ordered by their bytes. Safe for use by many threads.
/// </summary>
/// <remarks>
/// <para>
/// <b>Versions.</b> Each commit has a version, one more than the commit before it; the first is 1. Each start of a store that is not
/// new raises the versions above all that may have been shown before, so that none is ever given again. An entry carries
/// the version of its last change. All changes of one atomic batch have the same version; a key that it writes several times changes
/// once.
/// </para>
/// <para>
/// <b>Expiry.</b> From the instant <see cref="Operation.ExpiresAt"/> on an entry is invisible to every operation. Its
/// removal is a commit with a version of its own: made by the first write that meets the entry, before that write,
/// or else in the background.
/// </para>
/// <para>
/// <b>Memory full.</b> Where the memory that the store may take is limited, a write that needs more is refused, or
/// makes room by removing entries that were not used for long, as the store is configured; each such removal is a
/// commit with a version of its own. Reads, removals and writes that need no more memory go on. A limit is no
/// precondition: which writes are refused depends on how the store lays out its memory.
/// </para>
/// <para>
/// <b>When a result may be shown.</b> A call passes results to its sink as soon as it has them, and completes once every version that
/// they depend on is as durable as the store is configured to make it. So a caller gathers replies in the sink and shows them after
/// the call has completed. A store in memory completes a call before it returns, except for edits of long values and searches in them.
/// </para>
/// <para>
/// <b>Memory.</b> Keys and values that are passed in must stay as they are until the call has completed; the store
/// keeps copies. Spans handed to a sink are valid during that one call of the sink.
/// </para>
/// </remarks>
public interface IKeyValueStore
{
    /// <summary>The longest request id, in bytes.</summary>
    const int RequestIdBytesMax = 256;

    /// <summary>
    /// Executes operations in order, each independently: one that is refused changes nothing, and the next one is
    /// executed. An operation sees the effects of those before it.
    /// </summary>
    /// <param name="operations">Any number of operations, on any keys.</param>
    /// <param name="results">Gets each operation's result, in order, and may ask to stop after any.</param>
    /// <param name="cancellationToken">Cancels waits and long work; operations whose results were passed on stay done.</param>
    /// <returns>How many operations were executed: all, unless <paramref name="results"/> asked to stop.</returns>
    ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default);

    /// <summary>
    /// Executes operations as one atomic batch: all of them, or, where one is refused, none. An operation
    /// sees the effects of those before it; nobody else sees some of them without the others.
    /// </summary>
    /// <param name="batch">Any number of operations, on any keys.</param>
    /// <param name="results">
    /// Gets each operation's result, in order, if the batch was committed; otherwise the result of the first
    /// operation that can't be done (its precondition fails, or its path, or its patch) or, where memory is full, of the one
    /// that needs most. It can't ask to stop. What is not there to be read or removed keeps no batch from being committed.
    /// </param>
    /// <param name="requestId">
    /// Identifies the request, at most <see cref="RequestIdBytesMax"/> bytes; empty for none. A batch with the same id that is repeated
    /// within the configured time, also after a crash, is not executed: its sink gets the recorded results of the first one, be they
    /// a commit or a refusal (except one for a lack of memory or disk space, or for conflicts, which is tried again). A different batch (expiry times do
    /// not count) is refused as <see cref="ResultStatus.RequestIdReused"/>. A batch that only reads is not recorded.
    /// </param>
    /// <param name="cancellationToken">Cancels waits and long work; a batch whose results were passed on stays done.</param>
    /// <returns>Whether the batch was committed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The request id is too long; or, of a store on disk, keys and values of the batch come to more than 1 GiB.
    /// </exception>
    ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId = default,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Lists entries in the order of their keys' bytes. Over a listing of many pages, each from the last key of the
    /// page before, every key that is there all the while comes exactly once.
    /// </summary>
    /// <param name="query">Which entries.</param>
    /// <param name="entries">Gets each entry, in order, and may ask to stop after any.</param>
    /// <param name="cancellationToken">Stops between entries.</param>
    /// <returns>Whether there are entries after the last one.</returns>
    ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default);

    /// <summary>Counts the entries that a listing would have, up to its limit.</summary>
    ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens the feed: all changes under a prefix from a version on, in the order of commits, none left out and none twice.
    /// With <see cref="DurabilityMode.Always"/> it shows only what is on disk.
    /// </summary>
    /// <param name="query">Which changes.</param>
    /// <param name="wake">
    /// Is called, by any thread and never under locks that calls of the store take, once there may be something to read again
    /// after a read has said <see cref="WatchStatus.UpToDate"/>; at most once for each such read. Must not block or throw.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="WatchQuery.From"/> is negative.</exception>
    IWatch Watch(WatchQuery query, Action wake);

    /// <summary>The clock that expiry goes by. Relative expiries must be computed from it.</summary>
    TimeProvider Clock { get; }

    /// <summary>Returns current figures. Cheap enough for every second.</summary>
    StoreStats GetStats();
}

/// <summary>Takes the results of operations.</summary>
/// <remarks>
/// It may be called under the store's locks and after the commit: it must not block, call the store, or throw. If it throws, what was
/// committed is applied all the same, and the call of the store throws the exception.
/// </remarks>
public interface IResultSink
{
    /// <summary>Takes one result.</summary>
    /// <param name="index">Which operation, counted from 0.</param>
    /// <param name="result">Its result; the memory in it is valid until this method returns.</param>
    /// <returns>False to stop after this operation.</returns>
    bool OnResult(int index, in OperationResult result);
}

/// <summary>Takes entries of a listing.</summary>
/// <remarks>It may be called under the store's locks: it must neither block nor call the store.</remarks>
public interface IEntrySink
{
    /// <summary>Takes one entry.</summary>
    /// <param name="entry">The entry; the memory in it is valid until this method returns.</param>
    /// <returns>False to stop after this entry.</returns>
    bool OnEntry(in EntryView entry);
}
