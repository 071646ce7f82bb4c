using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Tests.Soak;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Compares the B+tree with a sorted set, and checks its memory.</summary>
public sealed class OrderedKeysTests
{
    [Theory]
    [InlineData(20_000, 40, 1)] // short keys, many leaves
    [InlineData(5_000, 600, 1)] // some lie outside their nodes
    [InlineData(10_000, 60, 200)] // long common beginnings
    [InlineData(300, 60_000, 1)]
    public Task AddAndRemove_RandomOrder_MatchesSortedSet(int steps, int keyBytesMax, int prefixBytes) => Seeds.RunAsync(random =>
    {
        using var slabs = new SlabPool();
        var heap = new NativeHeap(slabs);
        var tree = new OrderedKeys(heap);
        var model = new SortedSet<byte[]>(KeyComparer.Instance);
        byte[] prefix = new byte[prefixBytes];
        for (int step = 0; step < steps; step++)
        {
            // Phases in which the tree grows, and phases in which it shrinks until it is empty.
            bool grows = step % (steps / 4) < steps / 8;
            if (model.Count == 0 || random.Next(10) < (grows ? 8 : 2))
            {
                byte[] key = RandomKey(random, prefix, keyBytesMax);
                if (model.Add(key)) tree.Add(key);
            }
            else
            {
                byte[] from = RandomKey(random, prefix, keyBytesMax);
                byte[] key = model.GetViewBetween(from, [0xFF, 0xFF]).FirstOrDefault(model.Min!);
                model.Remove(key);
                tree.Remove(key);
            }

            if (step % 50 == 0) AssertSameFrom(tree, model, RandomKey(random, prefix, keyBytesMax), random);
        }

        Assert.Equal(model, KeysFrom(tree, [], true, [], int.MaxValue));
        foreach (byte[] key in model) tree.Remove(key);
        Assert.Empty(KeysFrom(tree, [], true, [], 1));
        Assert.Equal(0, heap.BytesUsed);
        return Task.CompletedTask;
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Add_KeysInOrder_FillsNodesWell(bool ascending)
    {
        const int Keys = 100_000;
        using var slabs = new SlabPool();
        var heap = new NativeHeap(slabs);
        var tree = new OrderedKeys(heap);
        for (int i = 0; i < Keys; i++) tree.Add(System.Text.Encoding.ASCII.GetBytes($"key:{(ascending ? i : Keys - i):D12}"));

        Assert.Equal(Keys, KeysFrom(tree, [], true, [], int.MaxValue).Length);

        // 16 bytes of key, 2 of length and 2 of offset. After a split in the middle, half of each node is free.
        Assert.InRange(heap.BytesUsed / (double)Keys, 20, ascending ? 22 : 44);
        tree.Clear();
        Assert.Equal(0, heap.BytesUsed);
    }

    private static void AssertSameFrom(OrderedKeys tree, SortedSet<byte[]> model, byte[] from, Random random)
    {
        bool inclusive = random.Next(2) == 0;
        int max = random.Next(1, 40);
        byte[] prefix = from[..random.Next(Math.Min(3, from.Length))];
        IEnumerable<byte[]> expected = model
            .Where(key => KeyComparer.Instance.Compare(key, from) >= (inclusive ? 0 : 1))
            .TakeWhile(key => key.AsSpan().StartsWith(prefix))
            .Take(max);
        Assert.Equal(expected, KeysFrom(tree, from, inclusive, prefix, max));
    }

    private static byte[][] KeysFrom(OrderedKeys tree, byte[] from, bool inclusive, byte[] prefix, int max)
    {
        using var keys = new KeyList(capacity: 0);
        tree.CopyTo(from, inclusive, prefix, max, keys);
        return [.. Enumerable.Range(0, keys.Count).Select(i => keys[i].ToArray())];
    }

    private static byte[] RandomKey(Random random, byte[] prefix, int bytesMax) =>
        [.. prefix, .. KeySpaces.RandomKey(random, random.Next(1, bytesMax + 1))];
}
