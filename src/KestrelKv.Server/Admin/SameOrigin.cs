using KestrelKv.Protocol;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Refuses requests that a page of another site causes a browser to send. Browsers send a GET, or a POST with a plain-text body,
/// without a CORS preflight. PUT, PATCH and DELETE require a preflight, which protects writes of single keys.
/// </summary>
/// <remarks>
/// Browsers report the source of a request in <c>Sec-Fetch-Site</c> (W3C Fetch Metadata), or, if older, in <c>Origin</c>. Other
/// programs send neither header.
/// </remarks>
internal static class SameOrigin
{
    /// <summary>Returns 403 for a request from a page of another origin.</summary>
    public static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        IsOwn(context.HttpContext.Request)
            ? next(context)
            : new(Problems.Of(ErrorCode.CrossOrigin, "the request comes from a page of another site, expected the same origin"));

    /// <summary>As <see cref="Check"/>, for a read that extends the expiry of its entry.</summary>
    public static ValueTask<object?> CheckTouch(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.Request.Query.ContainsKey("touch") ? Check(context, next) : next(context);

    private static bool IsOwn(HttpRequest request)
    {
        StringValues site = request.Headers["Sec-Fetch-Site"];
        if (site.Count > 0) return site is ["same-origin" or "none"];

        StringValues origin = request.Headers.Origin;
        return origin.Count == 0 ||
            (Uri.TryCreate(origin, UriKind.Absolute, out Uri? page) && page.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
