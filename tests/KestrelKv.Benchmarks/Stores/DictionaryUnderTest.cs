using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>The base class library's concurrent dictionary, with look-ups by span. A write replaces the whole value.</summary>
internal sealed class DictionaryUnderTest(StoreSize size) : IStoreUnderTest
{
    private readonly ConcurrentDictionary<byte[], byte[]> _dictionary = new(new Comparer());

    public string Name => "ConcurrentDictionary";

    public IStoreWorker CreateWorker(int batch) => new Worker(_dictionary.GetAlternateLookup<ReadOnlySpan<byte>>(), size);

    public void Dispose()
    {
    }

    private sealed class Worker(ConcurrentDictionary<byte[], byte[]>.AlternateLookup<ReadOnlySpan<byte>> lookup, StoreSize size)
        : IStoreWorker
    {
        private readonly byte[] _value = new byte[size.ValueBytes];
        private readonly byte[] _copy = new byte[size.ValueBytes];

        public int Get(ReadOnlySpan<int> keys)
        {
            Span<byte> key = stackalloc byte[StoreSize.KeyBytes];
            int found = 0;
            foreach (int number in keys)
            {
                StoreSize.WriteKey(number, key);
                if (!lookup.TryGetValue(key, out byte[]? value)) continue;
                value.CopyTo(_copy.AsSpan());
                found++;
            }
            return found;
        }

        public void Put(ReadOnlySpan<int> keys)
        {
            Span<byte> key = stackalloc byte[StoreSize.KeyBytes];
            foreach (int number in keys)
            {
                StoreSize.WriteKey(number, key);
                lookup[key] = _value.AsSpan().ToArray();
            }
        }

        public void Dispose()
        {
        }
    }

    private sealed class Comparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] key) => GetHashCode(key.AsSpan());

        public bool Equals(ReadOnlySpan<byte> span, byte[] key) => span.SequenceEqual(key);

        public int GetHashCode(ReadOnlySpan<byte> key)
        {
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(key);
            return HashCode.Combine(words[0], words[1]);
        }

        public byte[] Create(ReadOnlySpan<byte> span) => span.ToArray();
    }
}
