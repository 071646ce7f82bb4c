using KestrelKv.Protocol;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Keeps pages of other sites from having a browser send what browsers send without asking: a GET, and a POST, with a body that
/// says of itself to be plain text. The methods that write single keys are not among these.
/// </summary>
/// <remarks>
/// Browsers tell where a request comes from by <c>Sec-Fetch-Site</c> (W3C Fetch Metadata), older ones by <c>Origin</c>
/// where it matters. Other programs send neither.
/// </remarks>
internal static class SameOrigin
{
    /// <summary>Answers 403 to what comes from a page of another origin.</summary>
    public static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        IsOwn(context.HttpContext.Request) ? next(context) : new(Problems.Of(ErrorCode.CrossOrigin, "a page of another site may not ask for this"));

    private static bool IsOwn(HttpRequest request)
    {
        StringValues site = request.Headers["Sec-Fetch-Site"];
        if (site.Count > 0) return site is ["same-origin" or "none"];

        StringValues origin = request.Headers.Origin;
        return origin.Count == 0 ||
            (Uri.TryCreate(origin, UriKind.Absolute, out Uri? page) && page.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
