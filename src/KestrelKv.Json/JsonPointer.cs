using System.Text.Unicode;

namespace KestrelKv.Json;

/// <summary>JSON Pointers (RFC 6901).</summary>
public static class JsonPointer
{
    /// <summary>What is wrong with the text of a pointer; null where nothing is.</summary>
    public static string? Check(ReadOnlySpan<byte> path) => Utf8.IsValid(path) ? CheckSyntax(path) : "it is not UTF-8";

    /// <summary>Finds the part of a document that a path leads to: of members of one name the last one.</summary>
    /// <param name="document">Valid JSON.</param>
    /// <param name="path">A pointer that <see cref="Check"/> finds nothing wrong with.</param>
    /// <param name="part">Its exact text, without the white space around it.</param>
    public static bool TryFind(ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, out ReadOnlySpan<byte> part)
    {
        Place place = PointerWalk.Follow(document, path);
        bool found = place.Resolved == path.Length;
        part = found ? document[place.Start..JsonScan.SkipValue(document, place.Start)] : default;
        return found;
    }

    /// <summary>The same for text that may hold halves of surrogate pairs, which a patch can name.</summary>
    internal static string? CheckSyntax(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty) return null;
        if (path[0] != '/') return "it is neither empty nor does it begin with \"/\"";

        for (int at = 0, step; (step = path[at..].IndexOf((byte)'~')) >= 0; at++)
        {
            at += step;
            if (at + 1 == path.Length || path[at + 1] is not ((byte)'0' or (byte)'1'))
                return $"the \"~\" at byte {at} is followed by neither 0 nor 1";
        }
        return null;
    }
}
