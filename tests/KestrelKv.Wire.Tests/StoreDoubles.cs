using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>A store that does what the one behind it does; what is of interest is changed.</summary>
internal abstract class StoreDouble(IKeyValueStore inner) : IKeyValueStore
{
    protected IKeyValueStore Inner => inner;

    public abstract ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default);

    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, CancellationToken cancellationToken = default) =>
        inner.CommitAsync(batch, results, cancellationToken);

    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default) =>
        inner.ListAsync(query, entries, cancellationToken);

    public StoreStats GetStats() => inner.GetStats();
}

/// <summary>Tells results at once, and completes when the test says that they are on disk, or can't be.</summary>
internal sealed class SlowDiskStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    private TaskCompletionSource? _synced;

    /// <summary>Whether the disk takes its time; otherwise calls complete at once.</summary>
    public bool IsSlow { get; set; } = true;

    /// <summary>Whether a call is waiting.</summary>
    public bool IsWaiting => _synced is { Task.IsCompleted: false };

    public void Sync() => Inline.Run(() => _synced!.SetResult());

    public void Fail(Exception because) => Inline.Run(() => _synced!.SetException(because));

    public override async ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        int executed = await Inner.ExecuteAsync(operations, results, cancellationToken);
        if (!IsSlow) return executed;
        _synced = new TaskCompletionSource();
        await _synced.Task;
        return executed;
    }
}

/// <summary>Fails on a key named "bug", after having told the results of those before it.</summary>
internal sealed class BuggyStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    public override async ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        int bug = operations.ToArray().ToList().FindIndex(operation => operation.Key.Span.SequenceEqual("bug"u8));
        int executed = await Inner.ExecuteAsync(bug < 0 ? operations : operations[..bug], results, cancellationToken);
        return bug < 0 ? executed : throw new InvalidTimeZoneException("A bug.");
    }
}
