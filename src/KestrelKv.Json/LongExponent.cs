namespace KestrelKv.Json;

/// <summary>
/// Exponents of numbers that may not fit in 64 bits. A patch may have one of millions of digits, and is compared under a lock. An
/// exponent is therefore never converted to a number: the time of that grows faster than its length.
/// </summary>
internal static class LongExponent
{
    /// <summary>Whether one exponent is greater than another by so much, where one of them at least is beyond 64 bits.</summary>
    /// <param name="left">The one, as it is spelled; empty for 0.</param>
    /// <param name="right">The other.</param>
    /// <param name="by">By how much; no more than lengths of texts differ.</param>
    public static bool IsGreater(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, long by)
    {
        // Below zero and above it they are farther apart than any texts are long.
        bool negative = TakeSign(ref left);
        if (negative != TakeSign(ref right)) return false;
        return negative == by < 0 ? IsSum(left, right, Math.Abs(by)) : IsSum(right, left, Math.Abs(by));
    }

    /// <summary>Whether the digits are those of a sum, from the last one on.</summary>
    private static bool IsSum(ReadOnlySpan<byte> sum, ReadOnlySpan<byte> digits, long more)
    {
        if (sum.Length < digits.Length) return false;
        for (int i = 1; i <= sum.Length; i++)
        {
            if (i <= digits.Length) more += digits[^i] - '0';
            (more, long digit) = Math.DivRem(more, 10);
            if (sum[^i] - '0' != digit) return false;
        }
        return more == 0;
    }

    private static bool TakeSign(ref ReadOnlySpan<byte> exponent)
    {
        bool negative = exponent is [(byte)'-', ..];
        exponent = exponent.TrimStart("+-"u8).TrimStart((byte)'0');
        return negative;
    }
}
