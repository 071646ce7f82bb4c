using System.Globalization;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// Keys of 16 bytes, and values that are JSON documents of random hexadecimal digits: text as it is common, of which a
/// compressor can take half at the most.
/// </summary>
/// <remarks>Its random numbers are SplitMix64's (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).</remarks>
internal sealed class LoadData(int seed)
{
    public const int KeyBytes = 16;

    private static readonly byte[] Start = "{\"data\": \""u8.ToArray();
    private static readonly byte[] End = "\"}"u8.ToArray();

    private readonly byte[] _random = new byte[256];
    private ulong _state = (ulong)seed * 0xD1342543DE82EF95;

    /// <summary>A number from 0 to below <paramref name="end"/>.</summary>
    public int Next(int end) => (int)(((Next() >> 32) * (ulong)end) >> 32);

    public static void WriteKey(int number, Span<byte> key)
    {
        "key:"u8.CopyTo(key);
        number.TryFormat(key[4..], out _, "D12", CultureInfo.InvariantCulture);
    }

    /// <summary>Fills the span with a value. Where it is too short for a document, it is a string.</summary>
    public void WriteValue(Span<byte> value)
    {
        bool document = value.Length >= Start.Length + End.Length;
        ReadOnlySpan<byte> start = document ? Start : "\""u8, end = document ? End : "\""u8;
        start.CopyTo(value);
        end.CopyTo(value[^end.Length..]);
        WriteDigits(value[start.Length..^end.Length]);
    }

    private void WriteDigits(Span<byte> digits)
    {
        while (digits.Length > 0)
        {
            int bytes = Math.Min(digits.Length / 2, _random.Length);
            if (bytes == 0)
            {
                digits[0] = (byte)'0';
                return;
            }
            for (int i = 0; i < bytes; i += sizeof(ulong)) BitConverter.TryWriteBytes(_random.AsSpan(i), Next());
            Convert.TryToHexStringLower(_random.AsSpan(0, bytes), digits, out int written);
            digits = digits[written..];
        }
    }

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
