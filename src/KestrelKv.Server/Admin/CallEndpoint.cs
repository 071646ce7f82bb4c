using System.Buffers;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Calls any function over HTTP. The request and response bodies are those of wire frames.</summary>
internal static class CallEndpoint
{
    public static void MapCall(this IEndpointRouteBuilder v1) =>
        v1.MapPost("/call", CallAsync).ForClients().WithTags(TagFilter.Batches)
            .AddEndpointFilter(SameOrigin.Check)
            .Produces<CallReply>()
            .Refuses(
                ErrorCode.InvalidHeader, ErrorCode.CrossOrigin, ErrorCode.FrameTooLong, ErrorCode.UnsupportedEncoding,
                ErrorCode.RequestsFull);

    /// <summary>Calls any function of the wire protocol</summary>
    /// <remarks>
    /// The request and response bodies are those of the wire protocol (port 4444), such as
    /// <c>{"func": "INCR", "params": {"obj": "users"}}</c>. <c>status</c> of the response is <c>OK</c> or <c>ERROR</c>; the HTTP
    /// status is 200 in both cases. WATCH and UNWATCH require a dedicated connection: see <c>/v1/watch</c>.
    /// </remarks>
    /// <response code="200">The reply, which is a response or an error.</response>
    /// <response code="400">The URL or a header is not valid.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="413">The body is too long.</response>
    /// <response code="415">The body is compressed.</response>
    /// <response code="503">No memory is available for the body.</response>
    public static async Task<IResult> CallAsync(HttpContext http, RequestMapper mapper, HttpRunner runner, RequestClients clients, RequestTracing tracing)
    {
        if (http.Request.Headers.ContainsKey(FunctionCall.IdempotencyKey))
            return Problems.Of(
                ErrorCode.InvalidHeader, $"{FunctionCall.IdempotencyKey} is given, expected \"request_id\" among the parameters");

        using MappedRequest mapped = await mapper.MapFrameAsync(http);
        if (mapped.Error is { Code: ErrorCode.UnsupportedEncoding or ErrorCode.InvalidHeader or ErrorCode.RequestsFull } refused)
            return Problems.Of(refused);

        // "trace" gives the call a span of its own. The header traceparent belongs to the span of the HTTP request.
        using var span = new CallSpan(tracing, mapped.One.Span[0]);
        ReplyRoom room = runner.NewRoom();
        var head = new ArrayBufferWriter<byte>();
        var replies = new ReplyWriter(head, room.Budget);
        using ReplyPieces pieces = replies.Pieces;
        span.Error = await WriteAsync(replies, mapped.One, runner, room, clients.HasUsers, http.RequestAborted);
        span.Dispose();
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = replies.BytesWritten - FrameReader.HeaderBytes;
        await runner.SendAsync(http, head.WrittenMemory[FrameReader.HeaderBytes..]);
        for (; pieces.First is { IsEmpty: false } piece; pieces.ReleaseFirst()) await runner.SendAsync(http, piece);
        return Results.Empty;
    }

    /// <summary>Executes the request and writes its reply. Returns the error in the reply; null for none.</summary>
    private static async Task<ErrorCode?> WriteAsync(
        ReplyWriter replies, ReadOnlyMemory<Request> one, HttpRunner runner, ReplyRoom room, bool hasUsers,
        CancellationToken cancellationToken)
    {
        Request request = one.Span[0];
        using var response = new Response(room);
        ProtocolError? error = request.Function switch
        {
            Function.Watch or Function.Unwatch => new(
                ErrorCode.InvalidValue, "\"func\" requires a dedicated connection, expected GET /v1/watch or the wire port"),
            Function.Auth when hasUsers => new(
                ErrorCode.InvalidValue, "\"func\" authenticates a connection of the wire, expected the header Authorization instead"),
            Function.Auth or Function.Unknown => null,
            _ => await runner.RunAsync(one, response, room, format: null, cancellationToken),
        };
        if (error is not null) replies.WriteError(error, request.IdText.Span);
        else if (request.Function == Function.Auth) replies.WriteUnknownFunction("\"AUTH\""u8, request.IdText.Span);
        else if (request.Function == Function.Unknown) replies.WriteUnknownFunction(request.NameText.Span, request.IdText.Span);
        else replies.WriteResponse(request.Function, response.Head.Written, response.Body, default, request.IdText.Span);
        replies.Commit();
        return error?.Code;
    }
}

/// <summary>The reply to a call.</summary>
/// <param name="Status" example="OK"><c>OK</c>, or <c>ERROR</c>.</param>
/// <param name="Response" example="{&quot;func&quot;: &quot;INCR&quot;, &quot;response&quot;: {&quot;obj&quot;: &quot;users&quot;, &quot;val&quot;: 1, &quot;found&quot;: false, &quot;version&quot;: 5, &quot;expires_at&quot;: null}}">
/// The result of the function, if it succeeded.
/// </param>
/// <param name="Error">The error, if the function failed: <c>code</c>, <c>message</c>, and members specific to the code.</param>
/// <param name="Id">The <c>id</c> of the request, if it has one.</param>
public sealed record CallReply(string Status, object? Response, object? Error, object? Id);
