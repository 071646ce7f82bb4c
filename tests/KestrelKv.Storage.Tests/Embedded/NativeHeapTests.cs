using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Blocks keep their contents, do not overlap, and are returned to their slabs.</summary>
public sealed unsafe class NativeHeapTests
{
    [Fact]
    public Task AllocateAndFree_RandomOrder_BlocksDoNotOverlap() => Seeds.RunAsync(random =>
    {
        using var slabs = new SlabPool();
        var heap = new NativeHeap(slabs);
        List<(nint Block, int Bytes, byte Fill)> blocks = [];
        for (int step = 0; step < 100_000; step++)
        {
            if (blocks.Count < 100 || random.Next(step < 50_000 ? 3 : 2) > 0 && blocks.Count < 5_000)
            {
                int bytes = random.Next(20) == 0 ? random.Next(2_000, 20_000) : random.Next(8, 600);
                byte fill = (byte)random.Next(256);
                byte* block = heap.Allocate(bytes);
                new Span<byte>(block, bytes).Fill(fill);
                blocks.Add(((nint)block, bytes, fill));
            }
            else
            {
                int i = random.Next(blocks.Count);
                Free(heap, blocks[i]);
                blocks[i] = blocks[^1];
                blocks.RemoveAt(blocks.Count - 1);
            }
        }

        Assert.Equal(blocks.Sum(block => (long)NativeHeap.AllocationBytes(block.Bytes)), heap.BytesUsed);
        foreach (var block in blocks) Free(heap, block);
        Assert.Equal(0, heap.BytesUsed);

        // At most one empty slab remains in each of 80 size classes.
        Assert.InRange(slabs.BytesRented, 0, 81 * SlabPool.SlabBytes);
        return Task.CompletedTask;
    });

    [Fact]
    public void RealBytes_AnySize_IsSufficientAndClose()
    {
        for (int bytes = 8; bytes <= 5_000; bytes++)
        {
            int real = NativeHeap.AllocationBytes(bytes);
            Assert.InRange(real, bytes, bytes <= 256 ? bytes + 7 : bytes * 17 / 16 + 16);
            Assert.Equal(real, NativeHeap.AllocationBytes(real));
        }
    }

#if DEBUG
    [Fact]
    public void Allocate_BlockWrittenAfterFree_Throws()
    {
        using var slabs = new SlabPool();
        var heap = new NativeHeap(slabs);
        byte* kept = heap.Allocate(100);
        byte* freed = heap.Allocate(100);
        heap.Free(freed, 100);
        freed[50] = 1;
        Assert.Throws<InvalidOperationException>(() => heap.Allocate(100));
        heap.Free(kept, 100);
    }
#endif

    private static void Free(NativeHeap heap, (nint Block, int Bytes, byte Fill) block)
    {
        Assert.False(new Span<byte>((void*)block.Block, block.Bytes).ContainsAnyExcept(block.Fill), "another block's bytes");
        heap.Free((byte*)block.Block, block.Bytes);
    }
}
