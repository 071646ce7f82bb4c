using System.Buffers.Binary;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Keys that are chosen to make the tree as deep as can be.</summary>
public sealed class OrderedKeysDepthTests
{
    /// <summary>
    /// Long keys with a long common beginning make long separators; a run of them to the left of a greater key always
    /// splits the same leaf; and most are removed again behind the run, so that the tree stays high and thin.
    /// </summary>
    [Fact]
    public void AddAndRemove_ARunOfLongKeysBeforeAGreaterOne_KeepsTheTreeSound()
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

        using var told = new KeyList(kept.Count);
        tree.CopyTo([], true, [], int.MaxValue, told);
        Assert.Equal(kept, Enumerable.Range(0, told.Count).Select(i => BinaryPrimitives.ReadInt32BigEndian(told[i][392..])));
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
