namespace KestrelKv.Server.Admin.Security;

/// <summary>Adds the headers that restrict what browsers and caches do with responses.</summary>
internal static class ResponseHeaders
{
    /// <summary>Nothing but the page of Swagger UI is meant to be shown as a page.</summary>
    private const string NoContent = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI has inline styles, and images in its style sheet.</summary>
    private const string PageContent =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>The middleware. The headers are added last, because the error handler removes those added before.</summary>
    public static Task AddAsync(HttpContext http, RequestDelegate next)
    {
        http.Response.OnStarting(static http => Add((HttpContext)http), http);
        return next(http);
    }

    private static Task Add(HttpContext http)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = http.Request.Path.StartsWithSegments("/swagger") ? PageContent : NoContent;
        if (http.Request.Path.StartsWithSegments("/v1")) headers.CacheControl = "no-store";

        // Never Basic: browsers would ask for a password.
        if (http.Response.StatusCode == StatusCodes.Status401Unauthorized) headers.WWWAuthenticate = "Bearer";
        return Task.CompletedTask;
    }
}
