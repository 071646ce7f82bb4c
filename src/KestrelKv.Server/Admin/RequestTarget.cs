using System.Net;
using System.Text;
using System.Text.Unicode;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Reads keys from the raw request target. The framework's decoding is ambiguous: it leaves <c>%2F</c> undecoded in a path, which
/// makes two keys look alike, and it ignores bytes that are not UTF-8 in the path and the query.
/// </summary>
internal static class RequestTarget
{
    /// <summary>
    /// Returns 400 if the percent-encoding of the target is invalid or does not decode to UTF-8, or if a parameter is unknown or
    /// given twice. The framework would ignore a misspelled parameter, and join repeated ones with a comma.
    /// </summary>
    public static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        Find(context.HttpContext) is { } error ? new(Problems.Of(error)) : next(context);

    /// <summary>Returns the key after <c>/v1/keys/</c>; null if the raw path has another prefix or does not decode to UTF-8.</summary>
    public static string? KeyInPath(HttpContext http)
    {
        const string Before = "/v1/keys/";
        string path = Path(Target(http));

        // The route also matches other spellings of the prefix, for which the key would be ambiguous.
        if (!path.StartsWith(Before, StringComparison.OrdinalIgnoreCase)) return null;

        // In a path a plus sign is literal; the decoder would replace it with a space.
        return TryDecode(path[Before.Length..].Replace("+", "%2B", StringComparison.Ordinal), out string? key) ? key : null;
    }

    private static ProtocolError? Find(HttpContext http)
    {
        if (!TryDecode(Target(http), out _))
            return new(ErrorCode.InvalidEncoding, "the percent-encoding of the URL is invalid or does not decode to UTF-8");

        string[] known = [.. http.GetEndpoint()?.Metadata.GetMetadata<FunctionCall>()?.QueryNames ?? []];
        foreach ((string name, StringValues values) in http.Request.Query)
        {
            if (values.Count > 1) return new(ErrorCode.DuplicateParameter, $"\"{name}\" is given twice");
            if (known.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            string expected = known.Length == 0 ? "none" : string.Join(", ", known);
            return new(ErrorCode.UnknownParameter, $"\"{name}\" is unknown, expected {expected}");
        }
        return null;
    }

    private static string Target(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    /// <summary>Returns the path of a target, which can be an absolute URL (RFC 9112, section 3.2.2).</summary>
    private static string Path(string target)
    {
        int start = target.StartsWith('/') ? 0 : target.IndexOf('/', target.IndexOf("://", StringComparison.Ordinal) + 3);
        int end = target.IndexOf('?', StringComparison.Ordinal);
        return start < 0 || (end >= 0 && end < start) ? "" : target[start..(end < 0 ? target.Length : end)];
    }

    private static bool TryDecode(string encoded, out string? decoded)
    {
        decoded = null;
        if (!EscapesAreWhole(encoded)) return false;
        byte[] bytes = Encoding.UTF8.GetBytes(encoded);
        byte[] plain = WebUtility.UrlDecodeToBytes(bytes, 0, bytes.Length)!;
        if (!Utf8.IsValid(plain)) return false;
        decoded = Encoding.UTF8.GetString(plain);
        return true;
    }

    /// <summary>Whether two hexadecimal digits follow each percent sign. The decoders accept other percent signs as literals.</summary>
    private static bool EscapesAreWhole(ReadOnlySpan<char> encoded)
    {
        for (int at; (at = encoded.IndexOf('%')) >= 0; encoded = encoded[(at + 3)..])
        {
            if (encoded.Length < at + 3 || !char.IsAsciiHexDigit(encoded[at + 1]) || !char.IsAsciiHexDigit(encoded[at + 2]))
                return false;
        }
        return true;
    }
}
