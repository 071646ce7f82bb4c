using System.Buffers.Binary;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

public sealed class OrderedKeysDepthTests
{
    /// <summary>
    /// Long keys with a long common prefix produce long separators. A run of them to the left of a greater key always splits the same
    /// leaf. Most are removed again behind the run, so that the tree remains deep and sparse.
    /// </summary>
    [Fact]
    public void AddAndRemove_RunOfLongKeysBeforeGreaterOne_KeepsTreeConsistent()
    {
        const int Keys = 300_000;
        using var slabs = new SlabPool();
        var heap = new NativeHeap(slabs);
        var tree = new OrderedKeys(heap);
        tree.Add(Key(int.MaxValue));
        var kept = new SortedSet<int> { int.MaxValue };
        for (int i = 0; i < Keys; i++)
        {
            tree.Add(Key(i));
            kept.Add(i);
            int behind = i - 64;
            if (behind < 0 || System.Numerics.BitOperations.TrailingZeroCount(behind) > 8) continue;
            tree.Remove(Key(behind));
            kept.Remove(behind);
        }

        using var copied = new KeyList(kept.Count);
        tree.CopyTo([], true, [], int.MaxValue, copied);
        Assert.Equal(kept, Enumerable.Range(0, copied.Count).Select(i => BinaryPrimitives.ReadInt32BigEndian(copied[i][392..])));
        tree.Clear();
        Assert.Equal(0, heap.BytesUsed);
    }

    private static byte[] Key(int number)
    {
        byte[] key = new byte[400];
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(392), number);
        return key;
    }
}
