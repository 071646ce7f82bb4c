using System.Buffers;

namespace KestrelKv.Wire;

/// <summary>Pools the arrays of batches.</summary>
/// <remarks>If replies wait for the disk, many connections hold arrays at the same time, more than the shared pool keeps.</remarks>
internal static class BatchPool<T>
{
    /// <summary>The maximum of <see cref="WireOptions.BatchRequestsMax"/>. Longer arrays are not kept.</summary>
    private const int ArrayLengthMax = 4_096;

    private const int ArraysMax = 1_024;

    private static readonly ArrayPool<T> Pool = ArrayPool<T>.Create(ArrayLengthMax, ArraysMax);

    public static T[] Rent(int lengthMin) => Pool.Rent(lengthMin);

    /// <summary>Returns an array to the pool, after clearing its first <paramref name="count"/> elements.</summary>
    public static void Return(T[] array, int count)
    {
        Array.Clear(array, 0, count);
        Pool.Return(array);
    }
}
