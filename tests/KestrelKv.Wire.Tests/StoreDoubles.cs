using System.Text;
using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Delegates to another store. Derived classes change the behavior under test.</summary>
internal abstract class StoreDouble(IKeyValueStore inner) : IKeyValueStore
{
    protected IKeyValueStore Inner => inner;

    public abstract ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default);

    public virtual ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default, CancellationToken cancellationToken = default) =>
        inner.CommitAsync(batch, results, requestId, cancellationToken);

    public virtual ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default) =>
        inner.ListAsync(query, entries, cancellationToken);

    public ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default) =>
        inner.CountAsync(query, cancellationToken);

    public virtual IWatch Watch(WatchQuery query, Action wake) => inner.Watch(query, wake);

    public TimeProvider Clock => inner.Clock;

    public StoreStats GetStats() => inner.GetStats();
}

/// <summary>Delivers results at once, and completes when the test reports that they are synced, or that the sync failed.</summary>
internal sealed class SlowDiskStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    private TaskCompletionSource? _synced;

    /// <summary>Whether calls wait for the disk; otherwise they complete at once.</summary>
    public bool IsSlow { get; set; } = true;

    /// <summary>Whether a call is waiting.</summary>
    public bool IsWaiting => _synced is { Task.IsCompleted: false };

    public void Sync() => Inline.Run(() => _synced!.SetResult());

    public void Fail(Exception exception) => Inline.Run(() => _synced!.SetException(exception));

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

/// <summary>
/// Waits until the test reports that the disk has synced or failed. After a failure it refuses writes, and reads of keys that were
/// written after the last sync.
/// </summary>
internal sealed class FailingDiskStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    private readonly HashSet<string> _unsynced = [];
    private TaskCompletionSource _synced = new();
    private bool _failed;

    public void Sync()
    {
        _unsynced.Clear();
        (TaskCompletionSource synced, _synced) = (_synced, new());
        Inline.Run(synced.SetResult);
    }

    public void Fail()
    {
        _failed = true;
        Inline.Run(() => _synced.SetException(new DurabilityLostException("The disk has failed.")));
    }

    public override async ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        if (_failed) return Refuse(operations.Span, results);
        foreach (Operation operation in operations.ToArray())
            if (operation.IsWrite) _unsynced.Add(Encoding.UTF8.GetString(operation.Key.Span));
        int executed = await Inner.ExecuteAsync(operations, results, cancellationToken);
        await _synced.Task;
        return executed;
    }

    private int Refuse(ReadOnlySpan<Operation> operations, IResultSink results)
    {
        for (int i = 0; i < operations.Length; i++)
        {
            bool refused = operations[i].IsWrite || _unsynced.Contains(Encoding.UTF8.GetString(operations[i].Key.Span));
            var sink = new Relay(results, i);
            if (refused) sink.OnResult(0, new OperationResult { Status = ResultStatus.DiskFailed });
            else Inner.ExecuteAsync(new[] { operations[i] }, sink).AsTask().Wait();
            if (sink.Stop) return i + 1;
        }
        return operations.Length;
    }

    /// <summary>Passes on a result with its index in the whole call.</summary>
    private sealed class Relay(IResultSink results, int index) : IResultSink
    {
        public bool Stop { get; private set; }

        public bool OnResult(int inner, in OperationResult result) => !(Stop = !results.OnResult(index, result));
    }
}

/// <summary>Refuses every write with the same status, and records the operations.</summary>
internal sealed class RefusingStore(ResultStatus reason) : StoreDouble(new ManagedStore(TimeProvider.System))
{
    public List<Operation> Operations { get; } = [];

    public override ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        int executed = 0;
        foreach (Operation operation in operations.ToArray())
        {
            Operations.Add(operation);
            var result = new OperationResult { Status = operation.IsWrite ? reason : ResultStatus.NotFound };
            if (!results.OnResult(executed++, result)) break;
        }
        return new(executed);
    }
}

/// <summary>Fails at a key named "bug", after delivering the results before it.</summary>
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

/// <summary>A store that calls an action after each read of a watch.</summary>
internal sealed class HookedWatchStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    public Action AfterRead { get; set; } = () => { };

    public override ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) =>
        Inner.ExecuteAsync(operations, results, cancellationToken);

    public override IWatch Watch(WatchQuery query, Action wake) => new Hooked(this, Inner.Watch(query, wake));

    private sealed class Hooked(HookedWatchStore store, IWatch watch) : IWatch
    {
        public long Position => watch.Position;

        public long OldestVersion => watch.OldestVersion;

        public async ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default)
        {
            WatchStatus status = await watch.ReadAsync(changes, cancellationToken);
            store.AfterRead();
            return status;
        }

        public void Dispose() => watch.Dispose();
    }
}
