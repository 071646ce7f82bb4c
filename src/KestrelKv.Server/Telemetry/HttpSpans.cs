using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http.Features;

namespace KestrelKv.Server.Telemetry;

/// <summary>
/// Describes the spans of HTTP requests, which ASP.NET Core begins and ends, by the OpenTelemetry conventions for HTTP servers.
/// </summary>
/// <remarks>
/// Paths and queries contain keys, so spans have the route instead. ASP.NET Core can add these tags by itself, but then also
/// <c>url.path</c>: the project file turns that off.
/// </remarks>
internal static class HttpSpans
{
    /// <summary>The name of ASP.NET Core's source.</summary>
    public const string SourceName = "Microsoft.AspNetCore";

    /// <summary>The method in spans of requests whose method is not one of <see cref="Methods"/>.</summary>
    private const string OtherMethod = "_OTHER";

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

    /// <summary>Middleware that must be the first, to see the final status.</summary>
    public static Task DescribeAsync(HttpContext http, RequestDelegate next) =>
        http.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } span
            ? DescribeAsync(http, next, span)
            : next(http);

    private static async Task DescribeAsync(HttpContext http, RequestDelegate next, Activity span)
    {
        string method = Methods.Contains(http.Request.Method) ? http.Request.Method : OtherMethod;

        // The exception handler removes the endpoint.
        string? route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        string name = method == OtherMethod ? "HTTP" : method;
        span.DisplayName = route is null ? name : $"{name} {route}";
        span.SetTag("http.request.method", method);
        span.SetTag("http.route", route);
        span.SetTag("url.scheme", http.Request.Scheme);
        span.SetTag("network.protocol.version", "1.1");
        bool hasEnded = false;
        try
        {
            await next(http);
            hasEnded = true;
        }
        finally
        {
            int status = http.Response.StatusCode;
            span.SetTag("http.response.status_code", status);
            if (!hasEnded || status >= StatusCodes.Status500InternalServerError)
            {
                span.SetTag("error.type", hasEnded ? status.ToString(CultureInfo.InvariantCulture) : "connection_closed");
                span.SetStatus(ActivityStatusCode.Error);
            }
        }
    }
}
