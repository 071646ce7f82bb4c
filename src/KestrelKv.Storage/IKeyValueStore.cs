namespace KestrelKv.Storage;

/// <summary>A store of entries (key, value, version, expiry), ordered by key in lexicographic byte order. Thread-safe.</summary>
/// <remarks>
/// <para>
/// <b>Versions.</b> Each commit has a version, one higher than that of the previous commit. The first version is 1. An entry has the
/// version of its last change. All changes of an atomic batch have the same version, and a key that the batch writes several times
/// changes once. Each start of a store that has data raises the version above all versions that may have been visible before, so no
/// version is assigned twice.
/// </para>
/// <para>
/// <b>Expiry.</b> At <see cref="Operation.ExpiresAt"/> an entry becomes invisible to all operations. Its removal is a separate commit
/// with its own version. The first write to the key commits the removal before itself; otherwise it happens in the background.
/// </para>
/// <para>
/// <b>Touch.</b> A read can extend the expiry of its entry (<see cref="Operation.Touch"/>). The extension is visible to all later
/// operations, but is no commit: it changes no version, and the feed does not report it. It becomes durable with the next commit that
/// keeps the expiry, or with a snapshot. After a restart, the entry may therefore expire at its earlier expiry.
/// </para>
/// <para>
/// <b>Memory limit.</b> If the limit is reached, a write that needs more memory is refused, or evicts the entries used least
/// recently, depending on the configuration. Each eviction is a separate commit with its own version. Reads, removals and writes that
/// need no more memory continue. Which writes are refused depends on the memory layout of the store and is not part of the contract.
/// </para>
/// <para>
/// <b>Durability of results.</b> A call passes results to its sink as they become available. It completes when every version that the
/// results depend on is as durable as the configuration requires. A caller must therefore buffer replies until the call completes. A
/// store in memory completes a call before it returns, except for edits of long values and searches in them.
/// </para>
/// <para>
/// <b>Failures.</b> A call throws a <see cref="StoreFailureException"/> if the disk or the database of the store has failed. Its type states
/// what became of the writes. The results that the call has passed on are void.
/// </para>
/// <para>
/// <b>Memory ownership.</b> Keys and values passed to a call must not change until the call completes. The store copies them. Spans
/// passed to a sink are valid only during that invocation of the sink.
/// </para>
/// </remarks>
public interface IKeyValueStore
{
    /// <summary>
    /// Executes operations in order and independently of each other. A refused operation changes nothing, and execution continues with
    /// the next. An operation sees the effects of earlier ones. A write with a <see cref="Operation.RequestId"/> that repeats an earlier
    /// one gets the recorded result, as in <see cref="CommitAsync"/>.
    /// </summary>
    /// <param name="operations">Any number of operations, on any keys.</param>
    /// <param name="results">Receives the result of each operation, in order. May stop the call after any result.</param>
    /// <param name="cancellationToken">Cancels waits and long work. Operations whose results were passed on are not undone.</param>
    /// <returns>
    /// The number of executed operations: all, unless <paramref name="results"/> stopped the call, or the store ended it after many large
    /// values. At least one is executed.
    /// </returns>
    ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default);

    /// <summary>
    /// Executes operations as one atomic batch: all of them, or none if any is refused. An operation sees the effects of earlier ones.
    /// Other calls see all effects of the batch or none.
    /// </summary>
    /// <param name="batch">Any number of operations, on any keys.</param>
    /// <param name="results">
    /// Receives the result of each operation, in order, if the batch is committed. Otherwise it receives the result of the first
    /// operation that failed (its precondition, path or patch), or, if memory is full, of the operation that needs the most memory.
    /// It cannot stop the call. A read or removal of a missing entry does not refuse the batch.
    /// </param>
    /// <param name="requestId">
    /// The id of the request. A batch that repeats the id of an earlier one within the configured time, also after a crash, is not
    /// executed. Its sink receives the recorded results of the first batch, a commit or a refusal. Refusals for lack of memory or disk
    /// space, or for conflicts, are not recorded, so a retry is executed. A different batch with the same id is refused with
    /// <see cref="ResultStatus.RequestIdReused"/>; expiry times are not compared. A batch with a higher <see cref="RequestId.Sequence"/> is
    /// executed and replaces the record, one with a lower sequence is refused as reused. A batch that only reads is not recorded. The ids
    /// of the operations themselves are ignored.
    /// </param>
    /// <param name="cancellationToken">Cancels waits and long work. A batch whose results were passed on is not undone.</param>
    /// <returns>Whether the batch was committed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The keys and values of the batch exceed 1 GiB in total.</exception>
    ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Lists entries in lexicographic byte order of their keys. A listing may span several pages, each starting after the last key of the
    /// previous one. A key that exists throughout is listed exactly once.
    /// </summary>
    /// <param name="query">The keys to list.</param>
    /// <param name="entries">Receives each entry, in order. May stop the call after any entry.</param>
    /// <param name="cancellationToken">Cancels the listing between entries.</param>
    /// <returns>Whether more entries follow the last one.</returns>
    ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default);

    /// <summary>Returns the number of entries that match a query, up to its limit.</summary>
    ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a watch: all changes under a prefix from a version on, in commit order, each exactly once. With
    /// <see cref="DurabilityMode.Always"/> it returns only durable changes.
    /// </summary>
    /// <param name="query">The changes to watch.</param>
    /// <param name="wake">
    /// Invoked when more changes may be available after a read returned <see cref="WatchStatus.UpToDate"/>, at most once per such read.
    /// It runs on any thread, but never under locks that calls of the store take. It must not block or throw.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="WatchQuery.From"/> is negative.</exception>
    IWatch Watch(WatchQuery query, Action wake);

    /// <summary>The clock that determines expiry. Relative expiries must be computed from it.</summary>
    TimeProvider Clock { get; }

    /// <summary>Returns current statistics. Cheap enough to call every second.</summary>
    StoreStats GetStats();
}

/// <summary>Receives the results of operations.</summary>
/// <remarks>
/// It may be invoked under the store's locks and after the commit. It must not block, call the store, or throw. If it throws, the
/// committed changes are still applied, and the exception propagates from the store's call.
/// </remarks>
public interface IResultSink
{
    /// <summary>Receives one result.</summary>
    /// <param name="index">The index of the operation, counted from 0.</param>
    /// <param name="result">The result. Its memory is valid until this method returns.</param>
    /// <returns>False to stop after this operation.</returns>
    bool OnResult(int index, in OperationResult result);
}

/// <summary>Receives the entries of a listing.</summary>
/// <remarks>It may be invoked under the store's locks: it must neither block nor call the store.</remarks>
public interface IEntrySink
{
    /// <summary>Receives one entry.</summary>
    /// <param name="entry">The entry. Its memory is valid until this method returns.</param>
    /// <returns>False to stop after this entry.</returns>
    bool OnEntry(in EntryView entry);
}
