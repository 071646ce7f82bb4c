using System.Text;
using System.Text.Unicode;

namespace KestrelKv.Json;

/// <summary>Validates and evaluates JSON Pointers (RFC 6901).</summary>
public static class JsonPointer
{
    private const int QuotedBytesMax = 64;

    /// <summary>Returns the reason why a text is not a JSON Pointer, in English; null if the text is one.</summary>
    public static string? Check(ReadOnlySpan<byte> path) => Utf8.IsValid(path) ? CheckSyntax(path) : "the JSON Pointer is not UTF-8";

    /// <summary>Finds the part of a document that a path selects. Of duplicate members, the last counts.</summary>
    /// <param name="document">Valid JSON.</param>
    /// <param name="path">A pointer that <see cref="Check"/> accepts.</param>
    /// <param name="part">The exact text of the part, without surrounding white space.</param>
    public static bool TryFind(ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, out ReadOnlySpan<byte> part)
    {
        Place place = PointerWalk.Follow(document, path);
        bool found = place.Resolved == path.Length;
        part = found ? document[place.Start..JsonScan.SkipValue(document, place.Start)] : default;
        return found;
    }

    /// <summary>Checks the syntax alone. A pointer in a patch may contain lone surrogates, which are not UTF-8.</summary>
    internal static string? CheckSyntax(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty) return null;
        if (path[0] != '/') return $"the JSON Pointer {Quote(path)} does not begin with \"/\"";

        for (int at = 0, step; (step = path[at..].IndexOf((byte)'~')) >= 0; at++)
        {
            at += step;
            if (at + 1 == path.Length || path[at + 1] is not ((byte)'0' or (byte)'1'))
                return $"the JSON Pointer {Quote(path)} has \"~\" at byte {at}, expected \"~0\" or \"~1\"";
        }
        return null;
    }

    /// <summary>Returns a pointer or token in quotes for a message, truncated if long.</summary>
    internal static string Quote(ReadOnlySpan<byte> text) => text.Length <= QuotedBytesMax
        ? $"\"{Encoding.UTF8.GetString(text)}\""
        : $"\"{Encoding.UTF8.GetString(text[..QuotedBytesMax])}...\"";
}
