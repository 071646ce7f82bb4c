using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The feed of changes as server-sent events.</summary>
internal static class WatchEndpoint
{
    internal static readonly FunctionCall Call = new(Function.Watch, "prefix", "from_version", "values", "bookmark_interval");

    // How long streams last says nothing of how long requests take, with which it would be counted.
    public static void MapWatch(this IEndpointRouteBuilder v1, AdminOptions options) =>
        v1.MapRead("/watch", WatchAsync).WithTags(TagFilter.Feed).DisableHttpMetrics()
            .AddEndpointFilter(SameOrigin.Check).AddEndpointFilter(new WatchLimit(options))
            .Produces<string>(StatusCodes.Status200OK, EventStream.ContentType)
            .Calls(Call, ErrorCode.CrossOrigin);

    /// <summary>Tells every change as it happens, from any version on</summary>
    /// <remarks>
    /// Server-sent events: <c>changes</c>, and <c>bookmark</c> where there were none for a while. The id of an event is the
    /// version up to which everything has been told: a client that connects again with <c>Last-Event-ID</c>, as browsers do by
    /// themselves, misses nothing and gets nothing twice. Where the history that it needs is gone meanwhile, the answer is 410,
    /// or an event <c>error</c>, after which the stream ends.
    /// A stop of the server ends the stream; <c>retry</c> has browsers connect again a second later.
    /// </remarks>
    /// <response code="200">The events.</response>
    /// <response code="400">A parameter is not valid, or the version lies in the future.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="410">The changes from that version on are no longer kept; <c>oldest_version</c> tells which are.</response>
    /// <response code="503">The changes from that version on can't be read from the disk, or <c>Admin:WatchesMax</c> streams are open.</response>
    public static async Task<IResult> WatchAsync(
        HttpContext http, RequestMapper mapper, IKeyValueStore store, TimeProvider time, IHostApplicationLifetime lifetime, WireOptions wire,
        WireConnections connections)
    {
        using MappedRequest mapped = await mapper.MapAsync(http);
        if (mapped.Error is { } invalid) return Problems.Of(invalid);

        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        using var events = new EventStream(store, mapped.Options, time, connections.Replies);
        bool isBegun = false;
        try
        {
            if (await events.BeginAsync(end.Token) is { } error) return Problems.Of(error);
            isBegun = true;
            await events.RunAsync(http.Response, wire.WriteTimeout, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client has gone, or the server stops. A browser never connects again after an error status, but does so after
            // the end of a stream: a stream that comes too late for an event ends as the others do.
            if (!isBegun) EventStream.Open(http.Response);
        }
        return Results.Empty;
    }
}
