using Microsoft.Extensions.Logging;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Durability;

/// <summary>The embedded store with a data directory: a write-ahead log and snapshots.</summary>
public sealed class DurableStore : IKeyValueStore, IAsyncDisposable
{
    /// <summary>
    /// Opens a data directory, which nobody else may have open: recovers what it has, then takes calls. It takes as long
    /// as the recovery does, and tells of its progress in the log.
    /// </summary>
    /// <param name="data">Where and how.</param>
    /// <param name="options">Those of the store itself.</param>
    /// <param name="time">The clock that expiry and snapshots go by.</param>
    /// <param name="loggers">For what is to be told.</param>
    /// <param name="onSync">Is told how long each sync of the log took. Must not block or throw.</param>
    /// <param name="cancellationToken">Gives up the recovery; the files stay as they are.</param>
    /// <exception cref="DataException">The directory is not fit to be used; nothing was changed in it.</exception>
    public static DurableStore Open(
        DataOptions data, EmbeddedStoreOptions options, TimeProvider time, ILoggerFactory loggers, Action<TimeSpan>? onSync = null,
        CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<int> ExecuteAsync(ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(ReadOnlyMemory<Operation> batch, IResultSink results, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public StoreStats GetStats() => throw new NotImplementedException();

    /// <summary>Figures of this moment; cheap enough to ask every second.</summary>
    public DurabilityStats GetDurabilityStats() => throw new NotImplementedException();

    /// <summary>Takes a snapshot, or waits for one that is being taken and takes another. Writes go on meanwhile.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public Task<SnapshotInfo> SnapshotAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Opens the newest snapshot's file for reading, after taking one if anything was committed since. The caller disposes of the stream.</summary>
    /// <exception cref="IOException">It could not be written, or opened.</exception>
    public Task<(SnapshotInfo Snapshot, Stream File)> OpenBackupAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Takes a last snapshot, if so configured, and closes the files. No other call may be under way, and none may follow.
    /// </summary>
    /// <param name="cancellationToken">Gives up the snapshot; nothing is lost by that.</param>
    public Task CloseAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Closes the files without a last snapshot, if they are not closed yet, and gives all memory back.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
