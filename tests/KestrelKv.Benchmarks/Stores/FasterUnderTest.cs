using FASTER.core;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>FASTER with span keys and values, entirely in memory.</summary>
internal sealed unsafe class FasterUnderTest : IStoreUnderTest
{
    private readonly NullDevice _device = new NullDevice();
    private readonly FasterKV<SpanByte, SpanByte> _store;
    private readonly StoreSize _size;

    public FasterUnderTest(StoreSize size)
    {
        _size = size;
        long memory = 1L << (64 - (int)long.LeadingZeroCount((size.ValueBytes + 64L) * size.Keys * 2));
        _store = new FasterKV<SpanByte, SpanByte>(new FasterKVSettings<SpanByte, SpanByte>
        {
            IndexSize = Math.Max(1L << 20, size.Keys * 16L),
            LogDevice = _device,
            MemorySize = memory,
            PageSize = 1 << 25,
            MutableFraction = 0.9,
        });
    }

    public string Name => "FASTER";

    public IStoreWorker CreateWorker(int batch) => new Worker(_store, _size);

    public void Dispose()
    {
        _store.Dispose();
        _device.Dispose();
    }

    private sealed class Worker : IStoreWorker
    {
        private readonly ClientSession<SpanByte, SpanByte, SpanByte, SpanByteAndMemory, Empty,
            IFunctions<SpanByte, SpanByte, SpanByte, SpanByteAndMemory, Empty>> _session;
        private readonly byte[] _value;
        private readonly byte[] _output;

        public Worker(FasterKV<SpanByte, SpanByte> store, StoreSize size)
        {
            _session = store.NewSession<SpanByte, SpanByteAndMemory, Empty>(new SpanByteFunctions<Empty>());
            _value = GC.AllocateArray<byte>(size.ValueBytes, pinned: true);
            _output = GC.AllocateArray<byte>(size.ValueBytes + sizeof(int), pinned: true);
        }

        public int Get(ReadOnlySpan<int> keys)
        {
            byte* bytes = stackalloc byte[StoreSize.KeyBytes];
            SpanByte key = SpanByte.FromPointer(bytes, StoreSize.KeyBytes);
            int found = 0;
            foreach (int number in keys)
            {
                StoreSize.WriteKey(number, new Span<byte>(bytes, StoreSize.KeyBytes));
                var output = SpanByteAndMemory.FromFixedSpan(_output);
                if (_session.Read(ref key, ref output).Found) found++;
            }
            return found;
        }

        public void Put(ReadOnlySpan<int> keys)
        {
            byte* bytes = stackalloc byte[StoreSize.KeyBytes];
            SpanByte key = SpanByte.FromPointer(bytes, StoreSize.KeyBytes);
            SpanByte value = SpanByte.FromFixedSpan(_value);
            foreach (int number in keys)
            {
                StoreSize.WriteKey(number, new Span<byte>(bytes, StoreSize.KeyBytes));
                _session.Upsert(ref key, ref value);
            }
        }

        public void Dispose() => _session.Dispose();
    }
}
