using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;

namespace KestrelKv.Server.Admin;

/// <summary>Keys one by one and by pages.</summary>
internal static class KeyEndpoints
{
    private const string Json = "application/json";
    private const int LimitDefault = 100;
    private const int LimitMax = 1_000;

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder v1 = app.MapGroup("/v1").AddEndpointFilter(RequestTarget.Check);
        v1.MapGet("/keys", ListAsync).WithTags(TagFilter.Keys).Produces<KeyPage>()
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        MapKey(v1.MapGroup("/keys/{**key}").WithTags(TagFilter.Keys).AddEndpointFilter(RequestTarget.TakeKeyFromPath));
        MapKey(v1.MapGroup("/key").WithTags(TagFilter.KeysByQuery));
    }

    /// <summary>The four methods on one key, under either form of its address.</summary>
    private static void MapKey(RouteGroupBuilder group)
    {
        group.AddEndpointFilter(KeyRequest.Check);
        group.MapGet("", GetAsync).Readable();
        group.MapMethods("", [HttpMethods.Head], HeadAsync).Readable();
        group.MapPut("", PutAsync).Writable()
            .Produces(StatusCodes.Status201Created).Produces(StatusCodes.Status204NoContent)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge);
        group.MapDelete("", DeleteAsync).Writable()
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static void Readable(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<object>(StatusCodes.Status200OK, Json)
        .Produces(StatusCodes.Status304NotModified)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status412PreconditionFailed)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static RouteHandlerBuilder Writable(this RouteHandlerBuilder endpoint) => endpoint
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status412PreconditionFailed)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable)
        .ProducesProblem(StatusCodes.Status507InsufficientStorage);

    /// <summary>Lists keys in the order of their UTF-8 bytes, page by page</summary>
    /// <remarks>For the next page, give <c>next</c> of this one as <c>after</c>; after the last page it is null.</remarks>
    /// <param name="http"></param>
    /// <param name="store"></param>
    /// <param name="prefix" example="user:">Only keys that begin with this.</param>
    /// <param name="after">Only keys that come after this one.</param>
    /// <param name="limit" example="100">How many keys a page has at the most, 1 to 1000; 100 by default.</param>
    /// <param name="values" example="true">Whether values are listed too. A page with many bytes of them is cut short.</param>
    /// <response code="200">A page of keys.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and what the page would show may not be on it.</response>
    public static async Task<IResult> ListAsync(
        HttpContext http, IKeyValueStore store, string? prefix = null, string? after = null, int limit = LimitDefault, bool values = false)
    {
        if (limit is < 1 or > LimitMax)
            return Problems.BadRequest("invalid_limit", $"limit is {limit}, expected 1 to {LimitMax}");

        using var page = new KeyPageWriter(values);
        bool more = await store.ListAsync(
            new ListQuery { Prefix = Utf8Of(prefix), After = Utf8Of(after), Limit = limit }, page, http.RequestAborted);
        http.Response.ContentType = Json;
        await http.Response.Body.WriteAsync(page.Finish(more), http.RequestAborted);
        return Results.Empty;
    }

    /// <summary>Reads a value</summary>
    /// <remarks>
    /// The body is the value's exact text, <c>ETag</c> its version. Any key at all can be named as <c>/v1/key?key=</c>;
    /// in the path form, keys with a segment <c>.</c> or <c>..</c> and those with U+0000 can't be sent.
    /// </remarks>
    /// <response code="200">The value.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    public static Task<IResult> GetAsync([AsParameters] KeyRequest request) => ReadAsync(request, withValue: true);

    /// <summary>Reads a value's version and length</summary>
    /// <remarks>As GET, without the body.</remarks>
    /// <response code="200">There is such a key.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    public static Task<IResult> HeadAsync([AsParameters] KeyRequest request) => ReadAsync(request, withValue: false);

    private static async Task<IResult> ReadAsync(KeyRequest request, bool withValue)
    {
        KeyResult entry = await KeyResult.ExecuteAsync(request.Store, Operation.Get(request.KeyBytes), request.Aborted, withValue);

        if (Problems.OfRefusal(entry.Status) is { } refused) return refused;

        // Before the conditions: RFC 9110, section 13.2.1.
        if (entry.Version == 0) return Problems.NotFound();
        request.Response.Headers.ETag = Conditions.ETag(entry.Version);
        switch (request.Conditions.AnswerToRead(entry.Version))
        {
            case StatusCodes.Status412PreconditionFailed:
                return Problems.PreconditionFailed(entry.Version);
            case StatusCodes.Status304NotModified:
                return Results.StatusCode(StatusCodes.Status304NotModified);
        }

        request.Response.ContentType = Json;
        request.Response.ContentLength = entry.ValueBytes;
        if (withValue) await request.Response.Body.WriteAsync(entry.Value, request.Aborted);
        return Results.Empty;
    }

    /// <summary>Writes a value</summary>
    /// <remarks>The body is one JSON value; it is kept and given back as it is, but for white space around it.</remarks>
    /// <response code="201">The key is new. <c>ETag</c> is its version.</response>
    /// <response code="204">The value was replaced. <c>ETag</c> is its version.</response>
    /// <response code="400">The key, a header or the value is not valid.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was written.</response>
    /// <response code="413">The value is too long.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was written.</response>
    public static async Task<IResult> PutAsync([AsParameters] KeyRequest request)
    {
        byte[] body = await request.ReadBodyAsync();
        if (JsonText.Check(body, request.Limits.JsonDepthMax) is { } invalid) return Problems.Of(invalid);

        Operation put = Operation.Put(request.KeyBytes, JsonText.Trim(body));
        KeyResult result = await KeyResult.ExecuteIfAsync(request.Store, put, request.Conditions, request.Aborted);
        if (result.Status == ResultStatus.PreconditionFailed) return Problems.PreconditionFailed(result.Version);
        if (Problems.OfRefusal(result.Status) is { } refused) return refused;

        request.Response.Headers.ETag = Conditions.ETag(result.Version);
        return result.PreviousVersion != 0
            ? Results.NoContent()
            : Results.Created($"/v1/key?key={Uri.EscapeDataString(request.Key)}", null);
    }

    /// <summary>Removes a key</summary>
    /// <response code="204">The key was removed.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was removed.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The disk has no space; nothing was removed.</response>
    public static async Task<IResult> DeleteAsync([AsParameters] KeyRequest request)
    {
        KeyResult result = await KeyResult.ExecuteIfAsync(
            request.Store, Operation.Delete(request.KeyBytes), request.Conditions, request.Aborted);
        return result.Status switch
        {
            ResultStatus.PreconditionFailed when result.Version != 0 => Problems.PreconditionFailed(result.Version),
            ResultStatus.PreconditionFailed or ResultStatus.NotFound => Problems.NotFound(),
            _ => Problems.OfRefusal(result.Status) ?? Results.NoContent(),
        };
    }

    private static byte[] Utf8Of(string? text) => Encoding.UTF8.GetBytes(text ?? "");
}
