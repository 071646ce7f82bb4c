using System.Buffers;
using System.Numerics;

namespace KestrelKv.Transport;

/// <summary>
/// Buffers of 4 KiB to 1 MiB that are used again. <see cref="ArrayPool{T}.Shared"/> keeps 32 of a size for each core, and makes garbage of
/// those beyond; but where a write is answered once it is on disk, each connection may hold some at the same time.
/// </summary>
internal static class BufferPool
{
    /// <summary>The smallest buffer, in bytes.</summary>
    public const int BytesMin = 4_096;

    /// <summary>The largest buffer that is kept. Larger ones are left to the collector: few clients need them, and not for long.</summary>
    public const int BytesMax = 1_048_576;

    /// <summary>How many bytes of buffers of each size are kept at the most.</summary>
    private const int KeptBytesMax = 32 * 1_048_576;

    private static readonly int Sizes = SizeOf(BytesMax) + 1;
    private static readonly Stack<byte[]>[] Kept = [.. Enumerable.Range(0, Sizes).Select(_ => new Stack<byte[]>())];

    // The one that the thread gave back last, of each size, which is in its cache.
    [ThreadStatic]
    private static byte[]?[]? _last;

    /// <summary>A buffer of at least so many bytes, whatever is in it.</summary>
    public static byte[] Rent(int bytes)
    {
        if (bytes > BytesMax) return GC.AllocateUninitializedArray<byte>(bytes);

        int size = SizeOf(bytes);
        ref byte[]? last = ref Last(size);
        if (last is { } buffer)
        {
            last = null;
            return buffer;
        }
        Stack<byte[]> kept = Kept[size];
        lock (kept)
        {
            if (kept.TryPop(out buffer)) return buffer;
        }
        return GC.AllocateUninitializedArray<byte>(BytesMin << size);
    }

    /// <summary>Gives a buffer back, which must not be used any more. One that is empty is none.</summary>
    public static void Return(byte[] buffer)
    {
        if (buffer.Length is 0 or > BytesMax) return;

        int size = SizeOf(buffer.Length);
        ref byte[]? last = ref Last(size);
        if (last is null)
        {
            last = buffer;
            return;
        }
        Stack<byte[]> kept = Kept[size];
        lock (kept)
        {
            if (kept.Count < KeptBytesMax / buffer.Length) kept.Push(buffer);
        }
    }

    private static ref byte[]? Last(int size) => ref (_last ??= new byte[]?[Sizes])[size];

    /// <summary>Which size has so many bytes: 0 for 4 KiB, 1 for 8 KiB, and so on.</summary>
    private static int SizeOf(int bytes) => BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, BytesMin)) / BytesMin);
}
