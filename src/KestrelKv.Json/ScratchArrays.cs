using System.Buffers;
using System.Runtime.CompilerServices;

namespace KestrelKv.Json;

/// <summary>Rents arrays for the duration of one operation.</summary>
/// <remarks>
/// Short arrays come from the shared pool, which retains returned arrays of any length per thread. Arrays larger than
/// <see cref="PooledBytesMax"/> are therefore left to the garbage collector. The last one is reused until it is collected, so that a
/// series of large edits leaves one array of garbage.
/// </remarks>
public static class ScratchArrays
{
    /// <summary>The size of the largest pooled array, in bytes.</summary>
    public const int PooledBytesMax = 1024 * 1024;

    /// <summary>Returns an array of at least this length, with arbitrary content.</summary>
    public static T[] Rent<T>(int length)
        where T : unmanaged =>
        IsPooled<T>(length) ? ArrayPool<T>.Shared.Rent(length) : LargeArray<T>.Take(length) ?? GC.AllocateUninitializedArray<T>(length);

    /// <summary>Returns a rented array.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        if (IsPooled<T>(array.Length)) ArrayPool<T>.Shared.Return(array);
        else LargeArray<T>.Leave(array);
    }

    private static bool IsPooled<T>(int length)
        where T : unmanaged => (long)length * Unsafe.SizeOf<T>() <= PooledBytesMax;

    /// <summary>The last large array, held by a weak reference.</summary>
    private static class LargeArray<T>
    {
        private static WeakReference<T[]>? last;

        public static T[]? Take(int length) =>
            Interlocked.Exchange(ref last, null) is { } left && left.TryGetTarget(out T[]? array) && array.Length >= length ? array : null;

        public static void Leave(T[] array) => Volatile.Write(ref last, new(array));
    }
}
