using System.Buffers;
using System.Runtime.CompilerServices;

namespace KestrelKv.Json;

/// <summary>Arrays for the time of one operation.</summary>
/// <remarks>
/// Short arrays come from the shared pool. The pool keeps returned arrays for each thread, whatever their length. Arrays
/// larger than <see cref="PooledBytesMax"/> are therefore left to the garbage collector: no thread holds a large one after
/// the operation. The last one is reused if it is not collected yet, so that a series of large edits leaves one array of garbage.
/// </remarks>
public static class ScratchArrays
{
    /// <summary>The size of the largest array that is pooled.</summary>
    public const int PooledBytesMax = 1024 * 1024;

    /// <summary>Returns an array of at least this length, with any content.</summary>
    public static T[] Rent<T>(int length)
        where T : unmanaged =>
        IsPooled<T>(length) ? ArrayPool<T>.Shared.Rent(length) : LargeArray<T>.Take(length) ?? GC.AllocateUninitializedArray<T>(length);

    /// <summary>Ends the use of an array.</summary>
    public static void Return<T>(T[] array)
        where T : unmanaged
    {
        if (IsPooled<T>(array.Length)) ArrayPool<T>.Shared.Return(array);
        else LargeArray<T>.Leave(array);
    }

    private static bool IsPooled<T>(int length)
        where T : unmanaged => (long)length * Unsafe.SizeOf<T>() <= PooledBytesMax;

    /// <summary>The last large array, which the garbage collector may take at any time.</summary>
    private static class LargeArray<T>
    {
        private static WeakReference<T[]>? last;

        public static T[]? Take(int length) =>
            Interlocked.Exchange(ref last, null) is { } left && left.TryGetTarget(out T[]? array) && array.Length >= length ? array : null;

        public static void Leave(T[] array) => Volatile.Write(ref last, new(array));
    }
}
