using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The change feed as server-sent events.</summary>
internal static class WatchEndpoint
{
    internal static readonly FunctionCall Call = new(Function.Watch, "prefix", "from_version", "values", "bookmark_interval");

    // Metrics are disabled because the durations of streams would distort those of requests.
    public static void MapWatch(this IEndpointRouteBuilder v1, AdminOptions options) =>
        v1.MapRead("/watch", WatchAsync).WithTags(TagFilter.Feed).DisableHttpMetrics()
            .AddEndpointFilter(SameOrigin.Check).AddEndpointFilter(new WatchLimit(options))
            .Produces<string>(StatusCodes.Status200OK, EventStream.ContentType)
            .Calls(Call, ErrorCode.CrossOrigin);

    /// <summary>Streams past and future changes</summary>
    /// <remarks>
    /// The response is a stream of server-sent events: <c>changes</c>, or <c>bookmark</c> after a period without changes. The stream
    /// has sent all changes up to the version that is the id of an event. A client that reconnects with <c>Last-Event-ID</c>, as
    /// browsers do, receives each change exactly once. If the required history is no longer kept, the response is 410, or the
    /// stream ends with an event <c>error</c>. Server shutdown ends the stream; <c>retry</c> makes browsers reconnect after a second.
    /// </remarks>
    /// <response code="200">The events.</response>
    /// <response code="400">A parameter is not valid, or the version does not exist yet.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="410">The changes from that version are no longer kept. <c>oldest_version</c> is the oldest one kept.</response>
    /// <response code="503">The changes cannot be read from disk or from the database, or <c>Admin:WatchesMax</c> streams are open.</response>
    public static async Task<IResult> WatchAsync(
        HttpContext http, RequestMapper mapper, IKeyValueStore store, TimeProvider time, IHostApplicationLifetime lifetime,
        WireOptions wire,
        WireConnections connections, RequestClients clients)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        if (mapped.Error is { } invalid) return Problems.Of(invalid);

        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        using var events = new EventStream(store, mapped.Options, time, connections.Replies);

        // A copy: the memory of the request may be reused while another thread checks the rights.
        byte[] prefix = mapped.Options.Prefix.ToArray();
        Rights needed = mapped.Options.Values ? Rights.Watch | Rights.Read : Rights.Watch;
        using ClientRights? rights = clients.Follow(http, identity => identity.Allows(needed, prefix));
        using CancellationTokenRegistration lost = (rights?.Lost ?? CancellationToken.None).Register(() => events.End(rights!.Error!));
        bool isStarted = false;
        try
        {
            if (await events.BeginAsync(end.Token) is { } error) return Problems.Of(error);
            if (rights?.Error is { } revoked) return Problems.Of(revoked);
            isStarted = true;
            await events.RunAsync(http.Response, wire.WriteTimeout, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client disconnected, or the server is stopping. Browsers reconnect after the end of a stream, but not after an
            // error status. A stream that has not started therefore ends as an empty stream.
            if (!isStarted) EventStream.Open(http.Response);
        }
        return Results.Empty;
    }
}
