namespace KestrelKv.Json;

/// <summary>
/// Compares exponents that may exceed 64 bits. A patch may contain an exponent of millions of digits, and is applied under a lock.
/// Exponents are therefore never converted to numbers: conversion takes more than linear time.
/// </summary>
internal static class LongExponent
{
    /// <summary>Whether one exponent exceeds another by an exact difference. At least one of the two exceeds 64 bits.</summary>
    /// <param name="left">The first exponent as spelled; empty for 0.</param>
    /// <param name="right">The second exponent as spelled; empty for 0.</param>
    /// <param name="by">The difference, at most a text length.</param>
    public static bool IsGreater(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, long by)
    {
        // Exponents of different signs differ by more than any text length.
        bool negative = TakeSign(ref left);
        if (negative != TakeSign(ref right)) return false;
        return negative == by < 0 ? IsSum(left, right, Math.Abs(by)) : IsSum(right, left, Math.Abs(by));
    }

    /// <summary>Whether a sum equals the digits plus a number. Compares from the last digit on.</summary>
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
