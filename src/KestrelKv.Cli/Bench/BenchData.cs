using System.Globalization;
using System.Text;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// The keys and values of a run. The value of a key is JSON text with hexadecimal digits, which a compressor can reduce to half at best. It depends
/// on the key only, so that each reply to a GET is known.
/// </summary>
/// <param name="run">The name of the run: each run has keys of its own.</param>
/// <param name="valueBytes">The length of a value, 2 or more.</param>
internal sealed class BenchData(string run, int valueBytes)
{
    /// <summary>The prefix of the keys of all runs.</summary>
    public const string Prefix = "kkv:bench:";

    private const int NumberDigits = 9;
    private const int Shifts = 65_521; // A prime, so that keys with near numbers have unlike values.
    private const string Head = "{\"data\": \"";
    private const string Tail = "\"}";

    private readonly byte[] _digits = Encoding.ASCII.GetBytes(RandomDigits(Shifts + valueBytes));
    private readonly (string Head, string Tail) _around = valueBytes >= Head.Length + Tail.Length ? (Head, Tail) : ("\"", "\"");

    /// <summary>The prefix of the keys of this run.</summary>
    public string RunPrefix { get; } = $"{Prefix}{run}:";

    private int DigitBytes => valueBytes - _around.Head.Length - _around.Tail.Length;

    public string KeyOf(int number) => RunPrefix + number.ToString($"D{NumberDigits}", CultureInfo.InvariantCulture);

    public string ValueOf(int number) => _around.Head + Encoding.ASCII.GetString(_digits, ShiftOf(number), DigitBytes) + _around.Tail;

    /// <summary>Writes the number of a key.</summary>
    /// <param name="key">The bytes of the key.</param>
    /// <param name="number">The number of the key.</param>
    public void WriteKeyNumber(Span<byte> key, int number)
    {
        int begin = RunPrefix.Length;
        for (int i = begin + NumberDigits - 1; i >= begin; i--)
        {
            (number, int digit) = Math.DivRem(number, 10);
            key[i] = (byte)('0' + digit);
        }
    }

    /// <summary>Writes the digits of a value.</summary>
    /// <param name="value">The bytes of the value.</param>
    /// <param name="number">The number of the key.</param>
    public void WriteValueDigits(Span<byte> value, int number) =>
        _digits.AsSpan(ShiftOf(number), DigitBytes).CopyTo(value[_around.Head.Length..]);

    private static int ShiftOf(int number) => (int)(number * 7_919L % Shifts);

    private static string RandomDigits(int count) => string.Create(count, 1, (digits, seed) => new Random(seed).GetItems("0123456789abcdef", digits));
}
