using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>
/// What all requests on one key have. The two headers are here to be described; <see cref="Conditions"/> has what they say.
/// </summary>
public sealed class KeyRequest
{
    /// <summary>The key; in a URL it is percent-encoded, which this page does itself.</summary>
    /// <example>user:1</example>
    public required string Key { get; set; }

    /// <summary>
    /// Only if the version is one of these, such as <c>"5"</c>, or, with <c>*</c>, if there is the key; otherwise 412.
    /// </summary>
    [FromHeader(Name = "If-Match")]
    public string? IfMatch { get; init; }

    /// <summary>
    /// Only if the version is none of these, or, with <c>*</c>, if there is no such key; otherwise 412, or 304 to GET and HEAD.
    /// </summary>
    [FromHeader(Name = "If-None-Match")]
    public string? IfNoneMatch { get; init; }

    public required HttpContext Http { get; init; }

    public required IKeyValueStore Store { get; init; }

    public required RequestLimits Limits { get; init; }

    internal byte[] KeyBytes { get; private set; } = [];

    internal Conditions Conditions { get; private set; }

    internal HttpResponse Response => Http.Response;

    internal CancellationToken Aborted => Http.RequestAborted;

    /// <summary>Answers 400 where the key or the conditions are not valid; otherwise sets <see cref="KeyBytes"/> and <see cref="Conditions"/>.</summary>
    internal static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.GetArgument<KeyRequest>(0);
        request.KeyBytes = Encoding.UTF8.GetBytes(request.Key);
        if (KeyRules.Check(request.KeyBytes.Length, request.Limits) is { } error) return new(Problems.Of(error));

        if (!Conditions.TryRead(context.HttpContext.Request, out Conditions conditions))
            return new(Problems.BadRequest(
                "invalid_header", "If-Match or If-None-Match can't be read, expected *, or versions in quotes such as \"5\""));
        request.Conditions = conditions;
        return next(context);
    }

    /// <summary>Whether the request's body says of itself that it is of a media type.</summary>
    internal bool HasBodyOf(string type) =>
        MediaTypeHeaderValue.TryParse(Http.Request.ContentType, out MediaTypeHeaderValue? given) &&
        given.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase);
}
