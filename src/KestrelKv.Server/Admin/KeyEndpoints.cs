using System.Globalization;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Wire;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>Keys one by one and by pages.</summary>
internal static class KeyEndpoints
{
    private const string Json = "application/json";
    internal const string MergePatchType = "application/merge-patch+json";
    internal const string JsonPatchType = "application/json-patch+json";
    internal const string ExpiresAtHeader = "KestrelKv-Expires-At";

    internal static readonly FunctionCall Count = new(Function.Scan, "prefix", "after", "until");
    internal static readonly FunctionCall List = new(Function.Scan, "prefix", "after", "until", "limit", "values", "descending");
    internal static readonly FunctionCall Get = new(Function.Get, "path");
    internal static readonly FunctionCall Put = new(Function.Put, "path", "ttl", "expires_at");
    internal static readonly FunctionCall Patch = new(Function.Patch, "ttl", "expires_at");
    internal static readonly FunctionCall Delete = new(Function.Delete);

    public static void MapKeys(this IEndpointRouteBuilder v1)
    {
        v1.MapRead("/count", CountAsync).WithTags(TagFilter.Keys).Produces<KeyCount>().Calls(Count);
        v1.MapRead("/keys", ListAsync).WithTags(TagFilter.Keys).Produces<KeyPage>().Calls(List);

        // Otherwise other methods would be those of the key "".
        v1.Map("/keys", NotAllowed).ExcludeFromDescription();
        MapKey(v1.MapGroup("/keys/{**key}").WithTags(TagFilter.Keys), KeyPlace.Path);
        MapKey(v1.MapGroup("/key").WithTags(TagFilter.KeysByQuery), KeyPlace.Query);
    }

    /// <summary>The methods on one key, under either form of its address.</summary>
    private static void MapKey(RouteGroupBuilder group, KeyPlace key)
    {
        FunctionCall get = Get with { KeyPlace = key };
        group.MapGet("", GetAsync).Readable().Calls(get, ErrorCode.NotFound, ErrorCode.PreconditionFailed);
        group.MapMethods("", [HttpMethods.Head], HeadAsync).Readable().Calls(get, ErrorCode.NotFound, ErrorCode.PreconditionFailed);
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
        .Produces<object>(StatusCodes.Status200OK, Json)
        .Produces(StatusCodes.Status304NotModified);

    private static RouteHandlerBuilder Writable(this RouteHandlerBuilder endpoint) => endpoint
        .Produces(StatusCodes.Status201Created)
        .Produces(StatusCodes.Status204NoContent);

    /// <summary>Lists keys in the order of their UTF-8 bytes, page by page</summary>
    /// <remarks>For the next page, give <c>next</c> of this one as <c>after</c>; after the last page it is null.</remarks>
    /// <response code="200">A page of keys.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and what the page would show may not be on it.</response>
    public static async Task<IResult> ListAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        return await runner.AnswerAsync(http, mapped, KeyListing.Format);
    }

    /// <summary>Counts keys</summary>
    /// <response code="200">How many there are.</response>
    /// <response code="400">A parameter is not valid.</response>
    /// <response code="503">The disk has failed, and what is to be counted may not be on it.</response>
    public static async Task<IResult> CountAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(
            http, more: static (scan, text) => text.AddText(scan.Parameter("count_only"), "true"));
        return await runner.AnswerAsync(http, mapped);
    }

    /// <summary>Reads a value</summary>
    /// <remarks>
    /// The body is the value's exact text, <c>ETag</c> its version, <c>KestrelKv-Expires-At</c> when it expires, if it does: Unix time in seconds. Any
    /// key at all can be named as <c>/v1/key?key=</c>; in the path form, keys with a segment <c>.</c> or <c>..</c> and those with
    /// U+0000 can't be sent.
    /// </remarks>
    /// <response code="200">The value.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key, or nothing in its value at the path.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    public static Task<IResult> GetAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        ReadAsync(http, mapper, runner, withValue: true);

    /// <summary>Reads a value's version and length</summary>
    /// <remarks>As GET, without the body.</remarks>
    /// <response code="200">There is such a key.</response>
    /// <response code="304">The version is one of If-None-Match.</response>
    /// <response code="400">The key or a header is not valid.</response>
    /// <response code="404">There is no such key, or nothing in its value at the path.</response>
    /// <response code="412">The version is none of If-Match.</response>
    /// <response code="503">The disk has failed, and what is to be read may not be on it.</response>
    public static Task<IResult> HeadAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        ReadAsync(http, mapper, runner, withValue: false);

    private static async Task<IResult> ReadAsync(HttpContext http, RequestMapper mapper, HttpRunner runner, bool withValue)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        ReplyRoom room = runner.NewRoom();
        using var entry = new KeyResult(withValue ? room : null);
        if (mapped.Error is { } invalid) return Problems.Of(invalid);
        if (await runner.RunAsync(mapped.One, entry, room, http.RequestAborted) is { } error) return Problems.Of(error);

        // Before the conditions: RFC 9110, section 13.2.1.
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
    /// <response code="415">The body is compressed.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was written.</response>
    public static Task<IResult> PutAsync(HttpContext http, RequestMapper mapper, HttpRunner runner) =>
        WriteAsync(http, mapper, runner, "val");

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
    /// <response code="415">The patch is of another type (<c>Accept-Patch</c> lists those that there are), or compressed.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was changed.</response>
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
    /// <response code="404">There is no such key.</response>
    /// <response code="412">If-Match or If-None-Match does not hold; nothing was removed.</response>
    /// <response code="413">The value from before is too long to be remembered for the Idempotency-Key.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed: no write is taken before the server is started again.</response>
    /// <response code="507">The disk has no space; nothing was removed.</response>
    public static async Task<IResult> DeleteAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        using var result = new KeyResult();
        ProtocolError? error = await ExecuteAsync(http, mapped, runner, result);

        // Without the condition the answer would be neither a success nor 412: so it is not looked at (RFC 9110, section 13.2.1).
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
    /// Executes a write under its conditions, once. If these name more than one version, reads the entry's version and executes the
    /// write on just that version, again if the entry has changed in between.
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
