using System.Buffers;

namespace KestrelKv.Client.Requests;

/// <summary>An array that an object keeps between uses while it is short. A longer one is rented from the shared pool and returned after the use.</summary>
internal static class ReusedArray
{
    /// <summary>The longest array that is kept, in bytes. There can be thousands of idle calls.</summary>
    private const int KeptMax = 1_024;

    private const int First = 256;

    /// <summary>Replaces the array by a longer one, if it is too short. Copies the first <paramref name="used"/> bytes.</summary>
    public static void EnsureLength(ref byte[] array, int length, int used = 0)
    {
        if (array.Length >= length) return;
        byte[] longer = length <= KeptMax
            ? new byte[Math.Max(First, length)]
            : ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(length, 2L * array.Length)));
        array.AsSpan(0, used).CopyTo(longer);
        Return(array);
        array = longer;
    }

    /// <summary>Ends the use of the array, and of its contents if it is long.</summary>
    public static void Trim(ref byte[] array)
    {
        if (array.Length <= KeptMax) return;
        Return(array);
        array = [];
    }

    private static void Return(byte[] array)
    {
        if (array.Length > KeptMax) ArrayPool<byte>.Shared.Return(array);
    }
}
