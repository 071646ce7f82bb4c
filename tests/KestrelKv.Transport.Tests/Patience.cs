using KestrelKv.Testing;

namespace KestrelKv.Transport.Tests;

/// <summary>Limits every wait of the tests, and generates test data.</summary>
internal static class Patience
{
    public static Task<T> WithTimeout<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Wait.Patience);

    public static Task WithTimeout(this ValueTask task) => task.AsTask().WaitAsync(Wait.Patience);

    public static Task<T> WithTimeout<T>(this Task<T> task) => task.WaitAsync(Wait.Patience);

    public static Task WithTimeout(this Task task) => task.WaitAsync(Wait.Patience);

    /// <summary>Returns random bytes, so that a displaced sequence is noticed.</summary>
    public static byte[] Bytes(int count, int seed = 1)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
