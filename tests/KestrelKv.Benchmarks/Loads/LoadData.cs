using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Keys of 16 bytes, and values that are JSON documents of random hexadecimal digits: text as it is common, of which a
/// compressor can take half at the most.
/// </summary>
internal static class LoadData
{
    public const int KeyBytes = 16;

    private const string KeyPrefix = "key:";
    private const string DocumentHead = "{\"data\": \"";
    private const string DocumentTail = "\"}";

    /// <summary>The digits of all numbers of four, each group as it stands in memory.</summary>
    private static readonly uint[] Digits = [.. Enumerable.Range(0, 10_000)
        .Select(number => MemoryMarshal.Read<uint>(Encoding.ASCII.GetBytes(number.ToString("D4", CultureInfo.InvariantCulture))))];

    private static readonly uint Prefix = MemoryMarshal.Read<uint>(Encoding.ASCII.GetBytes(KeyPrefix));

    /// <summary>The key with a number.</summary>
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

    /// <summary>What stands around the digits of a value, and how many there are. One too short for a document is a string.</summary>
    public static (string Head, int DigitBytes, string Tail) ShapeOf(int valueBytes)
    {
        int around = DocumentHead.Length + DocumentTail.Length;
        return valueBytes >= around ? (DocumentHead, valueBytes - around, DocumentTail) : ("\"", valueBytes - 2, "\"");
    }

    /// <summary>Random digits, from which values are taken.</summary>
    public static byte[] RandomDigits(int count, LoadRandom random)
    {
        byte[] digits = new byte[count];
        for (int i = 0; i < count; i++) digits[i] = "0123456789abcdef"u8[random.Next(16)];
        return digits;
    }
}
