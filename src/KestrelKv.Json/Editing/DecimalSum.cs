namespace KestrelKv.Json;

/// <summary>
/// Adds numbers with fractions or exponents exactly, digit by digit. The sum is written without an exponent, with as many decimals as
/// the operand that has more.
/// </summary>
internal static class DecimalSum
{
    /// <summary>The maximum length of a sum: sign, digits and decimal point.</summary>
    public const int BytesMax = 2 + Digits;

    /// <summary>The maximum number of digits from the first to the last nonzero one: that of IEEE 754 decimal128.</summary>
    private const int SignificantMax = 34;

    /// <summary>The maximum absolute power of ten of a digit.</summary>
    private const int PowerMax = 64;

    private const int Whole = PowerMax + 2;
    private const int Digits = Whole + PowerMax;

    /// <summary>Adds two numbers. False if the sum is out of range.</summary>
    public static bool TryAdd(in JsonNumber left, in JsonNumber right, Span<byte> sum, out int length)
    {
        length = 0;
        Span<byte> digits = stackalloc byte[Digits], others = stackalloc byte[Digits];
        if (!TryRead(left, digits, out int fraction) || !TryRead(right, others, out int otherFraction)) return false;

        bool negative = left.IsNegative;
        if (left.IsNegative == right.IsNegative) Add(digits, others);
        else if (digits.SequenceCompareTo(others) >= 0) Subtract(digits, others);
        else
        {
            negative = right.IsNegative;
            Subtract(others, digits);
            digits = others;
        }
        return TryWrite(digits, negative, Math.Max(fraction, otherFraction), sum, out length);
    }

    /// <summary>Expands a number to digits. The digit before the decimal point is at <see cref="Whole"/> - 1.</summary>
    private static bool TryRead(in JsonNumber number, Span<byte> digits, out int fraction)
    {
        digits.Clear();
        fraction = 0;
        // A zero may have any exponent.
        if (!number.TryReadExponent(out long exponent) || exponent is < -int.MaxValue or > int.MaxValue) return number.IsZero;

        long lowest = exponent - number.FractionDigits;
        if (lowest < -PowerMax) return number.IsZero;
        fraction = (int)Math.Max(0, -lowest);

        long power = lowest;
        for (int i = number.Mantissa.Length - 1; i >= 0; i--)
        {
            byte c = number.Mantissa[i];
            if (c == '.') continue;
            if (c != '0' && power > PowerMax) return false;
            if (c != '0') digits[(int)(Whole - 1 - power)] = (byte)(c - '0');
            power++;
        }
        return true;
    }

    private static void Add(Span<byte> digits, ReadOnlySpan<byte> others)
    {
        int carry = 0;
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            int digit = digits[i] + others[i] + carry;
            carry = digit >= 10 ? 1 : 0;
            digits[i] = (byte)(digit - (carry * 10));
        }
    }

    private static void Subtract(Span<byte> digits, ReadOnlySpan<byte> others)
    {
        int borrow = 0;
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            int digit = digits[i] - others[i] - borrow;
            borrow = digit < 0 ? 1 : 0;
            digits[i] = (byte)(digit + (borrow * 10));
        }
    }

    private static bool TryWrite(ReadOnlySpan<byte> digits, bool negative, int fraction, Span<byte> sum, out int length)
    {
        length = 0;
        int first = digits.IndexOfAnyExcept((byte)0);
        int last = digits.LastIndexOfAnyExcept((byte)0);
        if (first == 0 || last - first >= SignificantMax) return false;

        // Zero has no sign.
        if (negative && first > 0) sum[length++] = (byte)'-';
        for (int i = first < 0 ? Whole - 1 : Math.Min(first, Whole - 1); i < Whole + fraction; i++)
        {
            if (i == Whole) sum[length++] = (byte)'.';
            sum[length++] = (byte)(digits[i] + '0');
        }
        return true;
    }
}
