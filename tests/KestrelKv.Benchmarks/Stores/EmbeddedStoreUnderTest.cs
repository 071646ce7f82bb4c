using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Benchmarks.Stores;

internal sealed class EmbeddedStoreUnderTest(StoreSize size) : IStoreUnderTest
{
    public EmbeddedStore Store { get; } = new(TimeProvider.System);

    public string Name => "KestrelKv";

    public IStoreWorker CreateWorker(int batch) => new Worker(Store, size, batch);

    public void Dispose() => Store.Dispose();

    private sealed class Worker : IStoreWorker, IResultSink
    {
        private readonly EmbeddedStore _store;
        private readonly Operation[] _operations;
        private readonly byte[] _keys;
        private readonly byte[] _value;
        private readonly byte[] _copy;
        private int _found;

        public Worker(EmbeddedStore store, StoreSize size, int batch)
        {
            _store = store;
            _operations = new Operation[batch];
            _keys = new byte[batch * StoreSize.KeyBytes];
            _value = new byte[size.ValueBytes];
            _copy = new byte[size.ValueBytes];
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
            result.Value.CopyTo(_copy);
            return true;
        }

        public void Dispose()
        {
        }

        private void Execute(int count)
        {
            ValueTask<int> call = _store.ExecuteAsync(_operations.AsMemory(0, count), this);
            if (!call.IsCompletedSuccessfully) throw new InvalidOperationException("The store call did not complete synchronously.");
        }

        private Memory<byte> Key(int place, int number)
        {
            Memory<byte> key = _keys.AsMemory(place * StoreSize.KeyBytes, StoreSize.KeyBytes);
            StoreSize.WriteKey(number, key.Span);
            return key;
        }
    }
}
