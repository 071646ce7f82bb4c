using KestrelKv.Testing;

namespace KestrelKv.Transport.Tests;

/// <summary>Nothing that is tested may hang.</summary>
internal static class Patience
{
    public static Task<T> Soon<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Wait.Patience);

    public static Task Soon(this ValueTask task) => task.AsTask().WaitAsync(Wait.Patience);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Wait.Patience);

    public static Task Soon(this Task task) => task.WaitAsync(Wait.Patience);

    /// <summary>Bytes by which it shows where they are from: no two places have the same ones around them.</summary>
    public static byte[] Bytes(int count, int seed = 1)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
