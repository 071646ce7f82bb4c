using System.Buffers;
using System.Numerics;

namespace KestrelKv.Transport;

/// <summary>
/// Reuses buffers of 4 KiB to 1 MiB. <see cref="ArrayPool{T}.Shared"/> keeps at most 32 per size and core and leaves the others to the
/// garbage collector. That is too few if replies wait for the disk: each connection may then hold buffers at the same time.
/// </summary>
internal static class BufferPool
{
    /// <summary>The size of the smallest buffer, in bytes.</summary>
    public const int BytesMin = 4_096;

    /// <summary>The size of the largest reused buffer, in bytes. Few clients need larger ones, and not for long.</summary>
    public const int BytesMax = 1_048_576;

    /// <summary>The maximum total size of the kept buffers of each size, in bytes.</summary>
    private const int KeptBytesMax = 32 * 1_048_576;

    private static readonly int Sizes = SizeOf(BytesMax) + 1;

    // One stack per size, which is also its lock.
    private static readonly Stack<byte[]>[] Kept = [.. Enumerable.Range(0, Sizes).Select(_ => new Stack<byte[]>())];

    // The buffer of each size that this thread returned last, which is probably still in the CPU's cache.
    [ThreadStatic]
    private static byte[]?[]? _last;

    /// <summary>Returns a buffer of at least the given size, with arbitrary contents.</summary>
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

    /// <summary>Returns a buffer to the pool. The caller must not use it afterwards. Empty arrays are ignored.</summary>
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

    /// <summary>Returns the index of a size: 0 for 4 KiB, 1 for 8 KiB, and so on.</summary>
    private static int SizeOf(int bytes) => BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, BytesMin)) / BytesMin);
}
