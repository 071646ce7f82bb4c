using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Keys of 16 bytes, and values that are JSON documents of random hexadecimal digits: common text, which a compressor can reduce to half
/// at best.
/// </summary>
internal static class LoadData
{
    public const int KeyBytes = 16;

    private const string KeyPrefix = "key:";
    private const string DocumentHead = "{\"data\": \"";
    private const string DocumentTail = "\"}";

    /// <summary>The four digits of each number below 10,000, in memory order.</summary>
    private static readonly uint[] Digits = [.. Enumerable.Range(0, 10_000)
        .Select(number => MemoryMarshal.Read<uint>(Encoding.ASCII.GetBytes(number.ToString("D4", CultureInfo.InvariantCulture))))];

    private static readonly uint Prefix = MemoryMarshal.Read<uint>(Encoding.ASCII.GetBytes(KeyPrefix));

    /// <summary>Returns the key with a number.</summary>
    public static string KeyOf(int number) => $"{KeyPrefix}{number:D12}";

    /// <inheritdoc cref="KeyOf"/>
    public static void WriteKey(int number, Span<byte> key)
    {
        (uint thousands, uint ones) = Math.DivRem((uint)number, 10_000);
        (uint millions, thousands) = Math.DivRem(thousands, 10_000);
        Span<uint> groups = MemoryMarshal.Cast<byte, uint>(key[..KeyBytes]);
        groups[3] = Digits[ones];
        groups[2] = Digits[thousands];
        groups[1] = Digits[millions];
        groups[0] = Prefix;
    }

    /// <summary>
    /// Returns the text around the digits of a value, and the number of digits. A value too short for a document is a string.
    /// </summary>
    public static (string Head, int DigitBytes, string Tail) ShapeOf(int valueBytes)
    {
        int around = DocumentHead.Length + DocumentTail.Length;
        return valueBytes >= around ? (DocumentHead, valueBytes - around, DocumentTail) : ("\"", valueBytes - 2, "\"");
    }

    public static byte[] RandomDigits(int count, LoadRandom random)
    {
        byte[] digits = new byte[count];
        for (int i = 0; i < count; i++) digits[i] = "0123456789abcdef"u8[random.Next(16)];
        return digits;
    }
}
