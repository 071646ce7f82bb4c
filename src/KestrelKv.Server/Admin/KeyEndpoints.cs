using System.Globalization;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Json;

namespace KestrelKv.Server.Admin;

/// <summary>Keys one by one and by pages.</summary>
internal static class KeyEndpoints
{
    private const string Json = "application/json";
    internal const string MergePatchType = "application/merge-patch+json";
    internal const string JsonPatchType = "application/json-patch+json";
    internal const string ExpiresAtHeader = "KestrelKv-Expires-At";

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder v1 = app.MapGroup("/v1").AddEndpointFilter(RequestTarget.Check);
        v1.MapGet("/count", CountAsync).WithTags(TagFilter.Keys)
            .TakesQuery("prefix", "after", "until")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        v1.MapGet("/keys", ListAsync).WithTags(TagFilter.Keys).Produces<KeyPage>()
            .TakesQuery("prefix", "after", "until", "limit", "values", "descending")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        MapKey(v1.MapGroup("/keys/{**key}").WithTags(TagFilter.Keys).AddEndpointFilter(RequestTarget.TakeKeyFromPath));
        MapKey(v1.MapGroup("/key").WithTags(TagFilter.KeysByQuery), "key");
    }

    /// <summary>The methods on one key, under either form of its address, of which one has the key in the query.</summary>
    private static void MapKey(RouteGroupBuilder group, params string[] query)
    {
        group.AddEndpointFilter(KeyRequest.Check);
        group.MapGet("", GetAsync).Readable().TakesQuery([.. query, "path"]);
        group.MapMethods("", [HttpMethods.Head], HeadAsync).Readable().TakesQuery([.. query, "path"]);
        group.MapPut("", PutAsync).Writable().Changeable().TakesQuery([.. query, "path", "ttl", "expires_at"]);
        group.MapPatch("", PatchAsync).Writable().Changeable().TakesQuery([.. query, "ttl", "expires_at"])
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        group.MapDelete("", DeleteAsync).Writable().TakesQuery(query);
    }

    private static RouteHandlerBuilder Readable(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<object>(StatusCodes.Status200OK, Json)
        .Produces(StatusCodes.Status304NotModified)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status412PreconditionFailed)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static RouteHandlerBuilder Writable(this RouteHandlerBuilder endpoint) => endpoint
        .AddEndpointFilter(IdempotencyParameter.Check)
        .Produces(StatusCodes.Status204NoContent)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status412PreconditionFailed)
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable)
        .ProducesProblem(StatusCodes.Status507InsufficientStorage);

    private static RouteHandlerBuilder Changeable(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status201Created)
        .ProducesProblem(StatusCodes.Status409Conflict)
        .ProducesProblem(StatusCodes.Status413PayloadTooLarge);

    /// <summary>Lists keys in the order of their UTF-8 bytes, page by page</summary>
    /// <remarks>For the next page, give <c>next</c> of this one as <c>after</c>; after the last page it is null.</remarks>
    /// <param name="http"></param>
    /// <param name="store"></param>
    /// <param name="prefix" example="user:">Only keys that begin with this.</param>
    /// <param name="after">Only keys that come after this one, in the direction of the listing.</param>
    /// <param name="until">Only keys that come before this one, in the direction of the listing.</param>
    /// <param name="limit" example="100">How many keys a page has at the most, 1 to 1000; 100 by default.</param>
    /// <param name="values" example="true">Whether values are listed too. A page with many bytes of them is cut short.</param>
    /// <param name="descending">Whether the greatest key comes first.</param>
    /// <response code="200">A page of keys.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and what the page would show may not be on it.</response>
    public static async Task<IResult> ListAsync(
        HttpContext http, IKeyValueStore store, string? prefix = null, string? after = null, string? until = null,
        int limit = RequestLimits.PageEntriesDefault, bool values = false, bool descending = false)
    {
        if (limit is < 1 or > RequestLimits.PageEntriesMax)
            return Problems.BadRequest("invalid_limit", $"limit is {limit}, expected 1 to {RequestLimits.PageEntriesMax}");

        long version = store.GetStats().FeedVersion;
        using var page = new KeyPageWriter(values);
        var query = new ListQuery
        {
            Prefix = Utf8Of(prefix), After = Utf8Of(after), Until = Utf8Of(until), Descending = descending, Limit = limit,
        };
        bool more = await store.ListAsync(query, page, http.RequestAborted);
        http.Response.ContentType = Json;
        await http.Response.Body.WriteAsync(page.Finish(more, version), http.RequestAborted);
        return Results.Empty;
    }

    /// <summary>Counts keys</summary>
    /// <param name="http"></param>
    /// <param name="store"></param>
    /// <param name="prefix" example="user:">Only keys that begin with this.</param>
    /// <param name="after">Only keys that are greater than this one.</param>
    /// <param name="until">Only keys that are less than this one.</param>
    /// <response code="200">How many there are.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and what is to be counted may not be on it.</response>
    public static async Task<KeyCount> CountAsync(
        HttpContext http, IKeyValueStore store, string? prefix = null, string? after = null, string? until = null)
    {
        var query = new ListQuery { Prefix = Utf8Of(prefix), After = Utf8Of(after), Until = Utf8Of(until), Limit = int.MaxValue };
        return new(await store.CountAsync(query, http.RequestAborted));
    }

    /// <summary>Reads a value</summary>
    /// <remarks>
    /// The body is the value's exact text, <c>ETag</c> its version, <c>KestrelKv-Expires-At</c> when it expires, if it does. Any
    /// key at all can be named as <c>/v1/key?key=</c>; in the path form, keys with a segment <c>.</c> or <c>..</c> and those with
    /// U+0000 can't be sent.
    /// </remarks>
    /// <response code="200">The value.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key, or nothing in its value at the path.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    /// <param name="request"></param>
    /// <param name="path">Only that part of the value: a JSON Pointer (RFC 6901), such as <c>/name</c>. Where there is none, the code is <c>path_not_found</c>.</param>
    public static Task<IResult> GetAsync([AsParameters] KeyRequest request, string? path = null) =>
        ReadAsync(request, path, withValue: true);

    /// <summary>Reads a value's version and length</summary>
    /// <remarks>As GET, without the body.</remarks>
    /// <response code="200">There is such a key.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key, or nothing in its value at the path.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    /// <param name="request"></param>
    /// <param name="path">Only that part of the value: a JSON Pointer (RFC 6901).</param>
    public static Task<IResult> HeadAsync([AsParameters] KeyRequest request, string? path = null) =>
        ReadAsync(request, path, withValue: false);

    private static async Task<IResult> ReadAsync(KeyRequest request, string? path, bool withValue)
    {
        if (JsonPointer.Check(Utf8Of(path)) is { } invalid) return Problems.BadRequest("invalid_value", $"path: {invalid}");
        Operation get = Operation.Get(request.KeyBytes) with { Path = Utf8Of(path) };
        KeyResult entry = await KeyResult.ExecuteAsync(request.Store, get, request.Aborted, withValue);

        // Before the conditions: RFC 9110, section 13.2.1.
        if (entry.Status is not (ResultStatus.Done or ResultStatus.PathNotFound))
            return Problems.Of(get.Kind, entry) ?? Problems.NotFound();
        request.Response.Headers.ETag = Conditions.ETag(entry.Version);
        TellExpiry(request.Response, entry);
        switch (request.Conditions.AnswerToRead(entry.Version))
        {
            case StatusCodes.Status412PreconditionFailed:
                return Problems.PreconditionFailed(entry.Version);
            case StatusCodes.Status304NotModified:
                return Results.StatusCode(StatusCodes.Status304NotModified);
        }
        if (entry.Status == ResultStatus.PathNotFound) return Problems.PathNotFound();

        request.Response.ContentType = Json;
        request.Response.ContentLength = entry.ValueBytes;
        if (withValue) await request.Response.Body.WriteAsync(entry.Value, request.Aborted);
        return Results.Empty;
    }

    /// <summary>Writes a value</summary>
    /// <remarks>
    /// The body is one JSON value; it is kept and given back as it is, but for white space around it. Without <c>ttl</c> and
    /// <c>expires_at</c> a whole value does not expire; with <c>path</c> it keeps its expiry.
    /// </remarks>
    /// <response code="201">The key is new. <c>ETag</c> is its version.</response>
    /// <response code="204">The value was replaced. <c>ETag</c> is its version.</response>
    /// <response code="400">A parameter, a header or the value is not valid.</response>
    /// <response code="404">A part is to be written, and there is no such key.</response>
    /// <response code="409">There is nothing in the value that the path could lead to.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was written.</response>
    /// <response code="413">The value is too long.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was written.</response>
    /// <param name="request"></param>
    /// <param name="write"></param>
    /// <param name="path">Only that part of the value is written: a JSON Pointer (RFC 6901), such as <c>/name</c>.</param>
    public static async Task<IResult> PutAsync([AsParameters] KeyRequest request, [AsParameters] WriteParameters write, string? path = null)
    {
        byte[] body = await request.Http.ReadBodyAsync();
        if (JsonText.Check(body, request.Limits.JsonDepthMax) is { } error) return Problems.Of(ProtocolError.Of(error));
        if (JsonPointer.Check(Utf8Of(path)) is { } invalid) return Problems.BadRequest("invalid_value", $"path: {invalid}");

        ReadOnlyMemory<byte> value = JsonText.Trim(body);
        Operation put = path is null
            ? Operation.Put(request.KeyBytes, value)
            : Operation.PutAt(request.KeyBytes, Utf8Of(path), value);
        return await WriteAsync(request, write, put);
    }

    /// <summary>Changes parts of a value</summary>
    /// <remarks>
    /// The body is a JSON Merge Patch (RFC 7396), <c>application/merge-patch+json</c>, or a JSON Patch (RFC 6902),
    /// <c>application/json-patch+json</c>. What it does not touch keeps its bytes, and the entry its expiry, unless another is
    /// given. A merge patch on a key that is not there creates it.
    /// </remarks>
    /// <response code="201">The key is new. <c>ETag</c> is its version.</response>
    /// <response code="204">The value was changed. <c>ETag</c> is its version.</response>
    /// <response code="400">A parameter, a header or the patch is not valid.</response>
    /// <response code="404">There is no such key to apply a JSON Patch to.</response>
    /// <response code="409">A path of the patch leads nowhere, or a test in it does not hold; nothing was changed.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was changed.</response>
    /// <response code="413">The value would become too long.</response>
    /// <response code="415">The patch is of another type; <c>Accept-Patch</c> tells those that there are.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was changed.</response>
    public static async Task<IResult> PatchAsync([AsParameters] KeyRequest request, [AsParameters] WriteParameters write)
    {
        bool isJsonPatch = request.HasBodyOf(JsonPatchType);
        if (!isJsonPatch && !request.HasBodyOf(MergePatchType))
        {
            request.Response.Headers["Accept-Patch"] = $"{MergePatchType}, {JsonPatchType}";
            return Problems.UnsupportedPatch(request.Http.Request.ContentType);
        }
        byte[] body = await request.Http.ReadBodyAsync();
        if (JsonText.Check(body, request.Limits.JsonDepthMax) is { } error) return Problems.Of(ProtocolError.Of(error));

        ReadOnlyMemory<byte> patch = JsonText.Trim(body);
        if (!isJsonPatch) return await WriteAsync(request, write, Operation.MergePatch(request.KeyBytes, patch));
        return JsonPatch.Check(patch.Span) is { } invalid
            ? Problems.BadRequest("invalid_value", invalid)
            : await WriteAsync(request, write, Operation.JsonPatch(request.KeyBytes, patch));
    }

    /// <summary>Removes a key</summary>
    /// <response code="204">The key was removed.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was removed.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The disk has no space; nothing was removed.</response>
    /// <param name="request"></param>
    /// <param name="idempotency"></param>
    public static async Task<IResult> DeleteAsync([AsParameters] KeyRequest request, [AsParameters] IdempotencyParameter idempotency)
    {
        (KeyResult? result, IResult? problem) = await ExecuteAsync(request, Operation.Delete(request.KeyBytes), idempotency.RequestId);
        if (result is null) return problem!;
        return result.Status == ResultStatus.NotFound || result is { Status: ResultStatus.PreconditionFailed, Version: 0 }
            ? Problems.NotFound()
            : problem ?? Results.NoContent();
    }

    private static async Task<IResult> WriteAsync(KeyRequest request, WriteParameters write, Operation operation)
    {
        if (write.Expiry is { } expiresAt) operation = operation.WithExpiry(expiresAt);
        (KeyResult? result, IResult? problem) = await ExecuteAsync(request, operation, write.RequestId);
        if (problem is not null) return problem;

        request.Response.Headers.ETag = Conditions.ETag(result!.Version);
        TellExpiry(request.Response, result);
        return result.PreviousVersion != 0
            ? Results.NoContent()
            : Results.Created($"/v1/key?key={Uri.EscapeDataString(request.Key)}", null);
    }

    /// <summary>Executes a write under the request's conditions, once.</summary>
    private static async Task<(KeyResult? Result, IResult? Problem)> ExecuteAsync(KeyRequest request, Operation operation, byte[] requestId)
    {
        KeyResult result;
        if (request.Conditions.TryGetPrecondition(out Precondition precondition))
        {
            operation = operation with { Precondition = precondition };
            result = await KeyResult.ExecuteOnceAsync(request.Store, operation, requestId, request.Aborted);
        }
        else if (requestId.Length > 0)
        {
            return (null, Problems.BadRequest(
                "invalid_header", "with Idempotency-Key, If-Match may have one version or *, and If-None-Match only *"));
        }
        else
        {
            result = await KeyResult.ExecuteIfAsync(request.Store, operation, request.Conditions, request.Aborted);
        }
        return (result, Problems.Of(operation.Kind, result));
    }

    private static void TellExpiry(HttpResponse response, KeyResult entry)
    {
        if (entry.ExpiresAt == Operation.Never) return;
        response.Headers[ExpiresAtHeader] =
            DateTimeOffset.FromUnixTimeMilliseconds(entry.ExpiresAt).UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
    }

    private static byte[] Utf8Of(string? text) => Encoding.UTF8.GetBytes(text ?? "");
}
