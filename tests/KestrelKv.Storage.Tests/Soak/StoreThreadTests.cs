using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>
/// Invariants under concurrent calls of many threads. Each file has one topic. The tests run long on the engine, and briefly on the
/// model, which validates the tests themselves.
/// </summary>
public abstract partial class StoreThreadTests : IDisposable
{
    private readonly IKeyValueStore _store;
    private CancellationTokenSource _over = new();

    protected StoreThreadTests() => _store = Create();

    public void Dispose()
    {
        (_store as IDisposable)?.Dispose();
        _over.Dispose();
        GC.SuppressFinalize(this);
    }

    protected abstract TimeSpan Duration { get; }

    /// <summary>Whether keys remain until they are deleted or expire.</summary>
    protected virtual bool KeepsAll => true;

    /// <summary>Creates an empty store on the system clock.</summary>
    protected abstract IKeyValueStore Create();

    /// <summary>
    /// Starts threads that repeat an action until the time is over or one has failed. Each has its own random numbers.
    /// </summary>
    private Task[] Start(Random random, int threads, Func<Random, Action> prepare) => [.. Enumerable.Range(0, threads).Select(_ =>
    {
        Action step = prepare(new Random(random.Next()));
        return Task.Factory.StartNew(() =>
        {
            try
            {
                while (!_over.IsCancellationRequested) step();
            }
            catch
            {
                _over.Cancel();
                throw;
            }
        }, TaskCreationOptions.LongRunning);
    })];

    /// <summary>Runs threads for a duration. Others may be started afterwards.</summary>
    private async Task RunAsync(TimeSpan duration, params Task[] threads)
    {
        await Task.WhenAny(Task.WhenAll(threads), Task.Delay(duration, _over.Token));
        await _over.CancelAsync();
        await Task.WhenAll(threads);
        _over.Dispose();
        _over = new();
    }

    private void Execute(ReadOnlyMemory<Operation> operations, IResultSink results) => _store.ExecuteAsync(operations, results).Completed();

    private bool Commit(ReadOnlyMemory<Operation> batch, IResultSink results) => _store.CommitAsync(batch, results).Completed();

    private bool List(ListQuery query, IEntrySink entries) => _store.ListAsync(query, entries).Completed();
}

public sealed class EmbeddedStoreThreadTests : StoreThreadTests
{
    protected override TimeSpan Duration => SoakTime.Duration;

    protected override IKeyValueStore Create() => new EmbeddedStore(TimeProvider.System);
}

public sealed class EvictingStoreThreadTests : StoreThreadTests
{
    protected override TimeSpan Duration => SoakTime.Duration;

    protected override bool KeepsAll => false;

    protected override IKeyValueStore Create() => new EmbeddedStore(
        TimeProvider.System,
        new EmbeddedStoreOptions { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = EvictionPolicy.Lru });
}

public sealed class ManagedStoreThreadTests : StoreThreadTests
{
    protected override TimeSpan Duration => TimeSpan.FromSeconds(0.5);

    protected override IKeyValueStore Create() => new ManagedStore(TimeProvider.System);
}
