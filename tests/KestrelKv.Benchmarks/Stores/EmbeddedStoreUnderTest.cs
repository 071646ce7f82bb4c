using System.Diagnostics;
using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Benchmarks.Stores;

internal sealed class EmbeddedStoreUnderTest : IStoreUnderTest
{
    private readonly EmbeddedStore _store = new(TimeProvider.System);

    public string Name => "KestrelKv";

    public long MemoryBytes => _store.GetStats().MemoryBytes;

    public IStoreWorker CreateWorker(StoreOptions options) => new Worker(_store, options);

    public void Dispose() => _store.Dispose();

    /// <summary>The median time of a page of a listing, in microseconds.</summary>
    public double MeasurePage(StoreOptions options)
    {
        var random = new Random(1);
        var sink = new PageSink();
        byte[] after = new byte[StoreOptions.KeyBytes];
        double[] times = new double[2_000];
        for (int i = 0; i < times.Length; i++)
        {
            StoreOptions.WriteKey(random.Next(options.Keys), after);
            long start = Stopwatch.GetTimestamp();
            ValueTask<bool> page = _store.ListAsync(new ListQuery { After = after, Limit = 100 }, sink);
            if (!page.IsCompletedSuccessfully) throw new InvalidOperationException("It completes at once.");
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        return times.Order().ElementAt(times.Length / 2);
    }

    private sealed class PageSink : IEntrySink
    {
        private int _sum;

        public bool OnEntry(in EntryView entry)
        {
            _sum += entry.Key[^1] + entry.Value[^1];
            return true;
        }
    }

    private sealed class Worker : IStoreWorker, IResultSink
    {
        private readonly EmbeddedStore _store;
        private readonly Operation[] _operations;
        private readonly byte[] _keys;
        private readonly byte[] _value;
        private int _found;
        private int _sum;

        public Worker(EmbeddedStore store, StoreOptions options)
        {
            _store = store;
            _operations = new Operation[options.Batch];
            _keys = new byte[options.Batch * StoreOptions.KeyBytes];
            _value = new byte[options.ValueBytes];
        }

        public int Get(ReadOnlySpan<int> keys)
        {
            _found = 0;
            for (int i = 0; i < keys.Length; i++) _operations[i] = Operation.Get(Key(i, keys[i]));
            Execute(keys.Length);
            return _found;
        }

        public void Put(ReadOnlySpan<int> keys)
        {
            for (int i = 0; i < keys.Length; i++) _operations[i] = Operation.Put(Key(i, keys[i]), _value);
            Execute(keys.Length);
        }

        public bool OnResult(int index, in OperationResult result)
        {
            if (result.Status == ResultStatus.Done) _found++;
            if (!result.Value.IsEmpty) _sum += result.Value[^1];
            return true;
        }

        public void Dispose()
        {
        }

        private void Execute(int count)
        {
            ValueTask<int> call = _store.ExecuteAsync(_operations.AsMemory(0, count), this);
            if (!call.IsCompletedSuccessfully) throw new InvalidOperationException("It completes at once.");
        }

        private Memory<byte> Key(int place, int number)
        {
            Memory<byte> key = _keys.AsMemory(place * StoreOptions.KeyBytes, StoreOptions.KeyBytes);
            StoreOptions.WriteKey(number, key.Span);
            return key;
        }
    }
}
