using System.Net;
using System.Text;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Keys from a request's target as it was sent. What the framework has made of it is not enough: in a path it leaves
/// <c>%2F</c> undecoded, so that two keys look alike, and in both it passes over bytes that are no UTF-8.
/// </summary>
internal static class RequestTarget
{
    /// <summary>Says which parameters an endpoint takes in the query.</summary>
    public static RouteHandlerBuilder TakesQuery(this RouteHandlerBuilder endpoint, params string[] names) =>
        endpoint.WithMetadata(new QueryNames(names));

    /// <summary>
    /// Answers 400 where the target's percent-encoding is broken or does not give UTF-8, where a parameter is given twice, of
    /// which the framework would make one with a comma, and where one is not known: a mistyped one must not be passed over.
    /// </summary>
    public static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (!TryDecode(Target(context.HttpContext), out _))
            return new(Problems.BadRequest("invalid_encoding", "the percent-encoding of the URL is broken, or does not give UTF-8"));

        QueryNames? known = context.HttpContext.GetEndpoint()?.Metadata.GetMetadata<QueryNames>();
        foreach ((string name, StringValues values) in context.HttpContext.Request.Query)
        {
            if (values.Count > 1) return new(Problems.BadRequest("duplicate_parameter", $"\"{name}\" is given twice"));
            if (known?.Has(name) == false)
                return new(Problems.BadRequest("unknown_parameter", $"\"{name}\" is not known here, expected {known}"));
        }
        return next(context);
    }

    private sealed record QueryNames(string[] Names)
    {
        public bool Has(string name) => Names.Contains(name, StringComparer.OrdinalIgnoreCase);

        public override string ToString() => Names.Length == 0 ? "none" : string.Join(", ", Names);
    }

    /// <summary>Puts the key as it was sent in the place of the route's catch-all.</summary>
    public static ValueTask<object?> TakeKeyFromPath(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (!TryDecode(KeyPart(Target(context.HttpContext)), out string? key))
            return new(Problems.BadRequest("invalid_key", "the path's key can't be told; use /v1/key?key="));
        context.GetArgument<KeyRequest>(0).Key = key!;
        return next(context);
    }

    private static string Target(HttpContext http) => http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    private static string? KeyPart(string target)
    {
        const string Before = "/v1/keys/";
        int start = target.IndexOf(Before, StringComparison.OrdinalIgnoreCase);
        if (start < 0) return null;

        int end = target.IndexOf('?', StringComparison.Ordinal);
        // In a path a plus sign is just that.
        return target[(start + Before.Length)..(end < 0 ? target.Length : end)].Replace("+", "%2B", StringComparison.Ordinal);
    }

    private static bool TryDecode(string? encoded, out string? decoded)
    {
        decoded = null;
        if (encoded is null) return false;
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
