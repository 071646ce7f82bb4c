using System.Globalization;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Wire;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>Single keys, listings and counts.</summary>
internal static class KeyEndpoints
{
    private const string Json = "application/json";
    internal const string MergePatchType = "application/merge-patch+json";
    internal const string JsonPatchType = "application/json-patch+json";
    internal const string ExpiresAtHeader = "KestrelKv-Expires-At";

    internal static readonly FunctionCall Count = new(Function.Scan, "prefix", "after", "until");
    internal static readonly FunctionCall List = new(Function.Scan, "prefix", "after", "until", "limit", "values", "descending", "delimiter");
    internal static readonly FunctionCall Get = new(Function.Get, "path", "touch");
    internal static readonly FunctionCall Put = new(Function.Put, "path", "ttl", "expires_at");
    internal static readonly FunctionCall Patch = new(Function.Patch, "ttl", "expires_at");
    internal static readonly FunctionCall Delete = new(Function.Delete);

    public static void MapKeys(this IEndpointRouteBuilder v1)
    {
        v1.MapRead("/count", CountAsync).WithTags(TagFilter.Keys).Produces<KeyCount>().Calls(Count);
        v1.MapRead("/keys", ListAsync).WithTags(TagFilter.Keys).Produces<KeyPage>().Calls(List);

        // Without this route, other methods would match the route of single keys, with the empty key.
        v1.Map("/keys", NotAllowed).ForAll().ExcludeFromDescription();
        MapKey(v1.MapGroup("/keys/{**key}").WithTags(TagFilter.Keys), KeyPlace.Path);
        MapKey(v1.MapGroup("/key").WithTags(TagFilter.KeysByQuery), KeyPlace.Query);
    }

    /// <summary>Maps the methods on one key, for one of the two URL forms.</summary>
    private static void MapKey(RouteGroupBuilder group, KeyPlace key)
    {
        FunctionCall get = Get with { KeyPlace = key };
        group.MapGet("", GetAsync).Readable().Calls(get);
        group.MapMethods("", [HttpMethods.Head], HeadAsync).Readable().Calls(get);
        group.MapPut("", PutAsync).Writable().Calls(Put with { KeyPlace = key }, ErrorCode.UnsupportedEncoding, ErrorCode.RequestsFull);
        group.MapPatch("", PatchAsync).Writable().Calls(Patch with { KeyPlace = key }, ErrorCode.UnsupportedPatch);
        group.MapDelete("", DeleteAsync).Produces(StatusCodes.Status204NoContent).Calls(Delete with { KeyPlace = key }, ErrorCode.NotFound);
    }

    private static IResult NotAllowed(HttpResponse response)
    {
        response.Headers.Allow = "GET, HEAD";
        return Results.StatusCode(StatusCodes.Status405MethodNotAllowed);
    }

    private static RouteHandlerBuilder Readable(this RouteHandlerBuilder endpoint) => endpoint
        .AddEndpointFilter(SameOrigin.CheckTouch)
        .Produces<object>(StatusCodes.Status200OK, Json)
        .Produces(StatusCodes.Status304NotModified)
        .Refuses(ErrorCode.NotFound, ErrorCode.PreconditionFailed, ErrorCode.CrossOrigin);

    private static RouteHandlerBuilder Writable(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status201Created)
        .Produces(StatusCodes.Status204NoContent);

    /// <summary>Lists keys in lexicographic byte order, in pages</summary>
    /// <remarks>
    /// To request the next page, set <c>after</c> to <c>next</c> of this page. <c>next</c> is null on the last page. With
    /// <c>delimiter</c>, keys that contain it after the prefix are not listed: <c>prefixes</c> has their common prefixes, up to and
    /// including the delimiter, each with the number of keys.
    /// </remarks>
    /// <response code="200">A page of keys.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and the entries of the page may not be durable; or the database does not answer.</response>
    public static async Task<IResult> ListAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        return await runner.AnswerAsync(http, mapped, KeyListing.Format);
    }

    /// <summary>Counts keys</summary>
    /// <response code="200">The number of keys.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and the counted entries may not be durable; or the database does not answer.</response>
    public static async Task<IResult> CountAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(
            http, more: static (scan, text) => text.AddText(scan.Parameter("count_only"), "true"));
        return await runner.AnswerAsync(http, mapped);
    }

    /// <summary>Reads a value</summary>
    /// <remarks>
    /// The body is the exact text of the value. <c>ETag</c> is its version. <c>KestrelKv-Expires-At</c> is its expiry (Unix time in
    /// seconds), if it has one. <c>/v1/key?key=</c> accepts every key. The path form cannot express keys with U+0000, or with a
    /// path segment <c>.</c> or <c>..</c>.
    /// </remarks>
    /// <response code="200">The value.</response>
    /// <response code="304">If-None-Match lists the version.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="403">The request has touch, and comes from a page of another site.</response>
    /// <response code="404">The key does not exist, or the path does not exist in the value.</response>
    /// <response code="412">If-Match does not list the version.</response>
    /// <response code="503">The disk has failed, and the entry may not be durable; or the database does not answer.</response>
    public static Task<IResult> GetAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        ReadAsync(http, mapper, runner, withValue: true);

    /// <summary>Reads the version and length of a value</summary>
    /// <remarks>The response has the headers of GET and no body.</remarks>
    /// <response code="200">The key exists.</response>
    /// <response code="304">If-None-Match lists the version.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="403">The request has touch, and comes from a page of another site.</response>
    /// <response code="404">The key does not exist, or the path does not exist in the value.</response>
    /// <response code="412">If-Match does not list the version.</response>
    /// <response code="503">The disk has failed, and the entry may not be durable; or the database does not answer.</response>
    public static Task<IResult> HeadAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        ReadAsync(http, mapper, runner, withValue: false);

    private static async Task<IResult> ReadAsync(HttpContext http, RequestMapper mapper, HttpRunner runner, bool withValue)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        ReplyRoom room = runner.NewRoom();
        using var entry = new KeyResult(withValue ? room : null);
        if (mapped.Error is { } invalid) return Problems.Of(invalid);
        if (await runner.RunAsync(mapped.One, entry, room, http.RequestAborted) is { } error) return Problems.Of(error);

        // A missing key takes precedence over the preconditions (RFC 9110, section 13.2.1).
        if (entry.Version == 0) return Problems.NotFound();
        ShowEntry(http.Response, entry);
        if (mapped.Conditions.AnswerToRead(entry.Version) is { } answer) return answer;
        if (!entry.Found) return Problems.PartNotFound();

        http.Response.ContentType = Json;
        http.Response.ContentLength = entry.ValueBytes;
        if (withValue) await runner.SendAsync(http, entry.Value);
        return Results.Empty;
    }

    /// <summary>Writes a value</summary>
    /// <remarks>
    /// The body is one JSON value. Its text is stored and returned unchanged, except for surrounding white space. Without <c>ttl</c>
    /// and <c>expires_at</c>, a new whole value does not expire, and a write with <c>path</c> keeps the expiry.
    /// </remarks>
    /// <response code="201">The key is new. <c>ETag</c> is its version.</response>
    /// <response code="204">The value was replaced. <c>ETag</c> is its version.</response>
    /// <response code="400">A parameter, a header or the value is not valid.</response>
    /// <response code="404">The request has a path, and the key does not exist.</response>
    /// <response code="409">The part at the path, or its parent, does not exist.</response>
    /// <response code="412">If-Match or If-None-Match does not hold. The request had no effect.</response>
    /// <response code="413">The value is too long.</response>
    /// <response code="415">The body is compressed.</response>
    /// <response code="422">The Idempotency-Key was used for a different request.</response>
    /// <response code="503">The disk has failed, and the server refuses writes until it is restarted; or the database does not answer.</response>
    /// <response code="504">The database failed during the commit. The write may take effect at any later time, or not at all.</response>
    /// <response code="507">The store is out of memory or the disk is full. The request had no effect.</response>
    public static Task<IResult> PutAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        WriteAsync(http, mapper, runner, "val");

    /// <summary>Changes parts of a value</summary>
    /// <remarks>
    /// The body is a JSON Merge Patch (RFC 7396), <c>application/merge-patch+json</c>, or a JSON Patch (RFC 6902),
    /// <c>application/json-patch+json</c>. Unchanged parts keep their exact text. The entry keeps its expiry unless the request
    /// sets a new one. A merge patch creates a missing key.
    /// </remarks>
    /// <response code="201">The key is new. <c>ETag</c> is its version.</response>
    /// <response code="204">The value was changed. <c>ETag</c> is its version.</response>
    /// <response code="400">A parameter, a header or the patch is not valid.</response>
    /// <response code="404">The patch is a JSON Patch, and the key does not exist.</response>
    /// <response code="409">A path of the patch does not exist, or a test fails. The request had no effect.</response>
    /// <response code="412">If-Match or If-None-Match does not hold. The request had no effect.</response>
    /// <response code="413">The resulting value is too long.</response>
    /// <response code="415">The patch type is none of those in <c>Accept-Patch</c>, or the body is compressed.</response>
    /// <response code="422">The Idempotency-Key was used for a different request.</response>
    /// <response code="503">The disk has failed, and the server refuses writes until it is restarted; or the database does not answer.</response>
    /// <response code="504">The database failed during the commit. The write may take effect at any later time, or not at all.</response>
    /// <response code="507">The store is out of memory or the disk is full. The request had no effect.</response>
    public static async Task<IResult> PatchAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        string? type = http.Request.ContentType;
        if (IsOf(type, MergePatchType)) return await WriteAsync(http, mapper, runner, "merge");
        if (IsOf(type, JsonPatchType)) return await WriteAsync(http, mapper, runner, "patch");
        http.Response.Headers["Accept-Patch"] = $"{MergePatchType}, {JsonPatchType}";
        return Problems.Of(
            ErrorCode.UnsupportedPatch, $"the Content-Type is {type ?? "not given"}, expected {MergePatchType} or {JsonPatchType}");
    }

    /// <summary>Removes a key</summary>
    /// <response code="204">The key was removed.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">The key does not exist.</response>
    /// <response code="412">If-Match or If-None-Match does not hold. The request had no effect.</response>
    /// <response code="422">The Idempotency-Key was used for a different request.</response>
    /// <response code="503">The disk has failed, and the server refuses writes until it is restarted; or the database does not answer.</response>
    /// <response code="504">The database failed during the commit. The write may take effect at any later time, or not at all.</response>
    /// <response code="507">The disk is full, or idempotency records take all of their memory. The request had no effect.</response>
    public static async Task<IResult> DeleteAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        using var result = new KeyResult();
        ProtocolError? error = await ExecuteAsync(http, mapped, runner, result);

        // A missing key is 404 even if a precondition fails (RFC 9110, section 13.2.1).
        bool isMissing = error is null ? !result.Found : error is { Code: ErrorCode.PreconditionFailed, Version: 0 };
        return isMissing ? Problems.NotFound() : error is null ? Results.NoContent() : Problems.Of(error);
    }

    private static async Task<IResult> WriteAsync(HttpContext http, RequestMapper mapper, HttpRunner runner, string body)
    {
        using MappedRequest mapped = await mapper.MapAsync(http, body);
        using var result = new KeyResult();
        if (await ExecuteAsync(http, mapped, runner, result) is { } error) return Problems.Of(error);
        ShowEntry(http.Response, result);
        return result.Found
            ? Results.NoContent()
            : Results.Created($"/v1/key?key={Uri.EscapeDataString(mapped.Key)}", null);
    }

    /// <summary>
    /// Executes a write with its preconditions, at most once. If one precondition cannot express the headers, reads the current
    /// version, checks it, and writes only to that version. Repeats this if the entry changes between the read and the write.
    /// </summary>
    private static async ValueTask<ProtocolError?> ExecuteAsync(
        HttpContext http, MappedRequest mapped, HttpRunner runner, KeyResult result)
    {
        if (mapped.Error is { } invalid) return invalid;
        if (!mapped.Conditions.Any) return await runner.RunAsync(mapped.One, result, runner.NewRoom(), http.RequestAborted);
        Request write = mapped.One.Span[0];
        ReplyRoom room = runner.NewRoom();
        while (true)
        {
            if (await runner.RunAsync(new[] { write.AsRead() }, result, room, http.RequestAborted) is { } unread) return unread;
            if (!mapped.Conditions.AllowWrite(result.Version)) return ProtocolError.PreconditionFailed(result.Version);
            ProtocolError? error = await runner.RunAsync(new[] { write.IfVersion(result.Version) }, result, room, http.RequestAborted);
            if (error is not { Code: ErrorCode.PreconditionFailed }) return error;
        }
    }

    /// <summary>Whether a Content-Type names a media type.</summary>
    private static bool IsOf(string? contentType, string type) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? given) &&
        given.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase);

    private static void ShowEntry(HttpResponse response, KeyResult entry)
    {
        response.Headers.ETag = Conditions.ETag(entry.Version);
        if (entry.ExpiresAt != Operation.Never)
            response.Headers[ExpiresAtHeader] = UnixTime.Seconds(entry.ExpiresAt).ToString(CultureInfo.InvariantCulture);
    }
}
