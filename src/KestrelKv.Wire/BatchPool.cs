using System.Buffers;

namespace KestrelKv.Wire;

/// <summary>Arrays for what a batch consists of.</summary>
/// <remarks>Where replies wait for the disk, many connections hold some at the same time: more than the shared pool would keep.</remarks>
internal static class BatchPool<T>
{
    /// <summary>The most that <see cref="WireOptions.BatchRequestsMax"/> may be. Longer arrays would not be kept.</summary>
    private const int ArrayLengthMax = 4_096;

    private const int ArraysMax = 1_024;

    private static readonly ArrayPool<T> Pool = ArrayPool<T>.Create(ArrayLengthMax, ArraysMax);

    public static T[] Rent(int lengthMin) => Pool.Rent(lengthMin);

    /// <summary>Gives an array back, cleared of what was put in it.</summary>
    public static void Return(T[] array, int count)
    {
        Array.Clear(array, 0, count);
        Pool.Return(array);
    }
}
