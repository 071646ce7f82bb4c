using System.Buffers;

namespace KestrelKv.Protocol;

/// <summary>The member <c>trace</c> of a request: a <c>traceparent</c> of W3C Trace Context, version 00.</summary>
/// <remarks>
/// <code>
///   0   3                                 36               53
///   00-&lt;trace id, 32 hexadecimal digits&gt;-&lt;parent id, 16&gt;-&lt;flags, 2&gt;
/// </code>
/// The digits are lowercase, and neither id is all zeros.
/// </remarks>
public static class TraceParent
{
    /// <summary>The length in bytes.</summary>
    public const int Bytes = 55;

    private const int TraceIdAt = 3;
    private const int TraceIdBytes = 32;
    private const int ParentIdAt = 36;
    private const int ParentIdBytes = 16;
    private const int FlagsAt = 53;

    private static readonly SearchValues<byte> Digits = SearchValues.Create("0123456789abcdef"u8);

    /// <summary>Returns the trace id in hexadecimal.</summary>
    /// <param name="text">A valid text.</param>
    public static ReadOnlySpan<byte> TraceId(ReadOnlySpan<byte> text) => text.Slice(TraceIdAt, TraceIdBytes);

    /// <summary>Returns the id of the client's span in hexadecimal.</summary>
    /// <param name="text">A valid text.</param>
    public static ReadOnlySpan<byte> ParentId(ReadOnlySpan<byte> text) => text.Slice(ParentIdAt, ParentIdBytes);

    /// <summary>Whether the client records its span: bit 0 of the flags.</summary>
    /// <param name="text">A valid text.</param>
    public static bool IsSampled(ReadOnlySpan<byte> text)
    {
        byte last = text[FlagsAt + 1];
        return (last & 1) == (last >= 'a' ? 0 : 1);
    }

    /// <summary>Returns why a text is not valid, as the rest of a sentence about it; null if it is valid.</summary>
    internal static string? Check(ReadOnlySpan<byte> text)
    {
        if (text.Length != Bytes) return $"has {text.Length} bytes";
        if (!text.StartsWith("00-"u8)) return "does not begin with the version 00";
        if (text[ParentIdAt - 1] != '-' || text[FlagsAt - 1] != '-' || !AreDigits(TraceId(text)) || !AreDigits(ParentId(text)) ||
            !AreDigits(text[FlagsAt..]))
        {
            return "has another character than a lowercase hexadecimal digit, or a hyphen in the wrong place";
        }
        if (!TraceId(text).ContainsAnyExcept((byte)'0')) return "has a trace id of zeros";
        return ParentId(text).ContainsAnyExcept((byte)'0') ? null : "has a parent id of zeros";
    }

    private static bool AreDigits(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(Digits);
}
