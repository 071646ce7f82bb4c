using System.Buffers.Text;

namespace KestrelKv.Json;

/// <summary>The parts of a JSON number as text, so that nothing is rounded.</summary>
internal readonly ref struct JsonNumber
{
    public JsonNumber(ReadOnlySpan<byte> text)
    {
        IsNegative = text[0] == '-';
        int end = text.IndexOfAny((byte)'e', (byte)'E');
        if (end >= 0) _exponent = text[(end + 1)..];
        Mantissa = text[(IsNegative ? 1 : 0)..(end < 0 ? text.Length : end)];
        int point = Mantissa.IndexOf((byte)'.');
        FractionDigits = point < 0 ? 0 : Mantissa.Length - point - 1;
        IsInteger = end < 0 && point < 0;
    }

    private readonly ReadOnlySpan<byte> _exponent;

    /// <summary>Whether the number has neither a decimal point nor an exponent.</summary>
    public bool IsInteger { get; }

    public bool IsNegative { get; }

    public bool IsZero => !Mantissa.ContainsAnyInRange((byte)'1', (byte)'9');

    /// <summary>The digits and the decimal point, without the sign.</summary>
    public ReadOnlySpan<byte> Mantissa { get; }

    public int FractionDigits { get; }

    /// <summary>Reads the exponent. False if it exceeds 64 bits.</summary>
    public bool TryReadExponent(out long exponent)
    {
        exponent = 0;
        return _exponent.IsEmpty || (Utf8Parser.TryParse(_exponent, out exponent, out int read) && read == _exponent.Length);
    }

    /// <summary>Whether a value that begins with this byte is a number.</summary>
    public static bool IsNumber(byte first) => first is (byte)'-' or (>= (byte)'0' and <= (byte)'9');

    /// <summary>Whether two numbers have the same value, regardless of spelling.</summary>
    public static bool Equals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.SequenceEqual(right)) return true;

        var a = new JsonNumber(left);
        var b = new JsonNumber(right);
        ReadOnlySpan<byte> digits = a.Significant(out int power), others = b.Significant(out int otherPower);
        if (digits.IsEmpty || others.IsEmpty) return digits.IsEmpty && others.IsEmpty;
        return a.IsNegative == b.IsNegative && SameDigits(digits, others) && HaveSamePower(a, power, b, otherPower);
    }

    /// <summary>
    /// Returns the digits from the first to the last nonzero one, including a decimal point in between, and the power of ten of the
    /// last digit.
    /// </summary>
    private ReadOnlySpan<byte> Significant(out int power)
    {
        int start = Mantissa.IndexOfAnyInRange((byte)'1', (byte)'9');
        int last = Mantissa.LastIndexOfAnyInRange((byte)'1', (byte)'9');
        int point = Mantissa.Length - FractionDigits - (FractionDigits > 0 ? 1 : 0);
        power = last < point ? point - 1 - last : point - last;
        return start < 0 ? default : Mantissa[start..(last + 1)];
    }

    private static bool SameDigits(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        int other = 0;
        foreach (byte c in left)
        {
            if (c == '.') continue;
            if (other < right.Length && right[other] == '.') other++;
            if (other == right.Length || right[other++] != c) return false;
        }
        return other == right.Length;
    }

    /// <summary>Whether the last digits of two numbers have the same power of ten.</summary>
    private static bool HaveSamePower(in JsonNumber left, int power, in JsonNumber right, int otherPower) =>
        left.TryReadExponent(out long exponent) && right.TryReadExponent(out long otherExponent)
            ? (Int128)exponent + power == (Int128)otherExponent + otherPower
            : LongExponent.IsGreater(left._exponent, right._exponent, (long)otherPower - power);
}
