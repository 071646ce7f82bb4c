using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>
/// Many threads on one store, and what each of them must always find. One file a subject; on the engine for long, and on
/// the model, which tests the tests, for a moment.
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

    /// <summary>Whether a key that nobody uses stays.</summary>
    protected virtual bool KeepsAll => true;

    /// <summary>An empty store that goes by the real clock.</summary>
    protected abstract IKeyValueStore Create();

    /// <summary>
    /// Has some threads do something again and again until the time is over, or one has failed; each with random
    /// numbers of its own.
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

    /// <summary>Lets threads go on for so long; others may be started afterwards.</summary>
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
        TimeProvider.System, new EmbeddedStoreOptions { MemoryBytesMax = EmbeddedStoreOptions.MemoryBytesMaxMin, Eviction = EvictionPolicy.Lru });
}

public sealed class ManagedStoreThreadTests : StoreThreadTests
{
    protected override TimeSpan Duration => TimeSpan.FromSeconds(0.5);

    protected override IKeyValueStore Create() => new ManagedStore(TimeProvider.System);
}
