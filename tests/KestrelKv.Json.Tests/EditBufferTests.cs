using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KestrelKv.Json.Tests;

public sealed class EditBufferTests
{
    private const int LargeBytes = 64 * 1024 * 1024;

    [Fact]
    public void Written_AfterEdit_IsValidUntilCleared()
    {
        var buffer = new EditBuffer();
        Edit(buffer, "1234"u8);
        Assert.Equal("1234"u8, buffer.WrittenSpan);
        Edit(buffer, "12345"u8);
        Assert.Equal("12345"u8, buffer.WrittenMemory.Span);
        Assert.Equal(5, buffer.WrittenCount);
        buffer.Clear();
        Assert.Equal(0, buffer.WrittenCount);
        Assert.True(MemoryMarshal.TryGetArray(buffer.WrittenMemory, out ArraySegment<byte> rest) && rest.Array!.Length == 0);
    }

    [Fact]
    public void Rent_AfterDispose_ReturnsSameBufferEmpty()
    {
        EditBuffer buffer = EditBuffer.Rent();
        Assert.NotSame(buffer, EditBuffer.Rent());
        Edit(buffer, "1234"u8);
        buffer.Dispose();
        Assert.Same(buffer, EditBuffer.Rent());
        Assert.Equal(0, buffer.WrittenCount);
    }

    [Fact]
    public void Clear_LargeText_ReleasesArray()
    {
        var buffer = new EditBuffer();
        WeakReference array = ArrayOfALargeEdit(buffer);
        GC.Collect();
        Assert.False(array.IsAlive);
    }

    [Fact]
    public void Return_LongArray_ReleasesArray()
    {
        WeakReference array = RentAndReturn(ScratchArrays.PooledBytesMax);
        GC.Collect();
        Assert.False(array.IsAlive);
    }

    /// <summary>Uses an element type that no other test rents.</summary>
    [Fact]
    public void Rent_ReturnedLargeArray_IsReusedOnce()
    {
        ulong[] array = ScratchArrays.Rent<ulong>(ScratchArrays.PooledBytesMax);
        ScratchArrays.Return(array);
        Assert.Same(array, ScratchArrays.Rent<ulong>(ScratchArrays.PooledBytesMax - 1));
        Assert.NotSame(array, ScratchArrays.Rent<ulong>(ScratchArrays.PooledBytesMax));
    }

    private static void Edit(EditBuffer buffer, ReadOnlySpan<byte> value) =>
        Assert.Equal(EditStatus.Done, DocumentEdit.Put(default, default, value, DocumentLimits.Default, buffer).Status);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference ArrayOfALargeEdit(EditBuffer buffer)
    {
        byte[] text = new byte[LargeBytes];
        text.AsSpan().Fill((byte)'1');
        Assert.Equal(EditStatus.Done, DocumentEdit.Put("[0]"u8, "/0"u8, text, DocumentLimits.Default, buffer).Status);
        MemoryMarshal.TryGetArray(buffer.WrittenMemory, out ArraySegment<byte> segment);
        buffer.Clear();
        return new WeakReference(segment.Array);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference RentAndReturn(int length)
    {
        long[] array = ScratchArrays.Rent<long>(length);
        ScratchArrays.Return(array);
        return new WeakReference(array);
    }
}
