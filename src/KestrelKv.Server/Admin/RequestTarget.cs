using System.Net;
using System.Text;
using System.Text.Unicode;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Keys from a request's target as it was sent. What the framework has made of it is not enough: in a path it leaves
/// <c>%2F</c> undecoded, so that two keys look alike, and in both it ignores bytes that are no UTF-8.
/// </summary>
internal static class RequestTarget
{
    /// <summary>
    /// Answers 400 where the target's percent-encoding is broken or does not give UTF-8, where a parameter is given twice, of
    /// which the framework would make one with a comma, and where one is not known: a mistyped one must not be ignored.
    /// </summary>
    public static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        Find(context.HttpContext) is { } error ? new(Problems.Of(error)) : next(context);

    /// <summary>The key behind <c>/v1/keys/</c>; null where the path does not begin so, to the letter, or does not give UTF-8.</summary>
    public static string? KeyInPath(HttpContext http)
    {
        const string Before = "/v1/keys/";
        string path = Path(Target(http));

        // The route matches other spellings, too. What the key of those is could be understood in more than one way.
        if (!path.StartsWith(Before, StringComparison.OrdinalIgnoreCase)) return null;

        // In a path a plus sign is just that.
        return TryDecode(path[Before.Length..].Replace("+", "%2B", StringComparison.Ordinal), out string? key) ? key : null;
    }

    private static ProtocolError? Find(HttpContext http)
    {
        if (!TryDecode(Target(http), out _))
            return new(ErrorCode.InvalidEncoding, "the percent-encoding of the URL is broken, or does not give UTF-8");

        string[] known = [.. http.GetEndpoint()?.Metadata.GetMetadata<FunctionCall>()?.QueryNames ?? []];
        foreach ((string name, StringValues values) in http.Request.Query)
        {
            if (values.Count > 1) return new(ErrorCode.DuplicateParameter, $"\"{name}\" is given twice");
            if (known.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            string expected = known.Length == 0 ? "none" : string.Join(", ", known);
            return new(ErrorCode.UnknownParameter, $"\"{name}\" is not known here, expected {expected}");
        }
        return null;
    }

    private static string Target(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    /// <summary>The path of a target, which may be a whole URL (RFC 9112, section 3.2.2).</summary>
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

    /// <summary>Whether two hexadecimal digits follow each percent sign; the decoders take one without them for itself.</summary>
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
