using System.Globalization;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;
using KestrelKv.Storage;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Mvc;

namespace KestrelKv.Server.Admin;

/// <summary>The feed of changes as server-sent events.</summary>
internal static class WatchEndpoint
{
    // How long streams last says nothing of how long requests take, with which it would be counted.
    public static void MapWatch(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/watch", WatchAsync).WithTags(TagFilter.Feed).DisableHttpMetrics()
            .AddEndpointFilter(RequestTarget.Check).AddEndpointFilter(SameOrigin.Check)
            .AddEndpointFilter(new WatchLimit(app.ServiceProvider.GetRequiredService<AdminOptions>()))
            .TakesQuery("prefix", "from_version", "values", "bookmark_interval")
            .Produces<string>(StatusCodes.Status200OK, EventStream.ContentType)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status410Gone)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    /// <summary>Tells every change as it happens, from any version on</summary>
    /// <remarks>
    /// Server-sent events: <c>changes</c>, and <c>bookmark</c> where there were none for a while. The id of an event is the
    /// version up to which everything has been told: a client that connects again with <c>Last-Event-ID</c>, as browsers do by
    /// themselves, misses nothing and gets nothing twice. Where the history that it needs is gone meanwhile, the answer is 410,
    /// or an event <c>error</c>, after which the stream ends.
    /// Swagger UI shows nothing before the stream ends: <c>curl -N 'localhost:8080/v1/watch?prefix=user:'</c>.
    /// </remarks>
    /// <param name="http"></param>
    /// <param name="store"></param>
    /// <param name="time"></param>
    /// <param name="lifetime"></param>
    /// <param name="wire"></param>
    /// <param name="prefix" example="user:">Only changes of keys that begin with this.</param>
    /// <param name="fromVersion" example="1">From the commit of this version on; by default, those that come from now on.</param>
    /// <param name="values" example="true">Whether the values of puts are told, too.</param>
    /// <param name="bookmarkInterval">After how many seconds without changes the position is told, 0.1 to 3600; 10 by default.</param>
    /// <param name="lastEventId">The id of the last event that the client has: it goes on behind it.</param>
    /// <response code="200">The events.</response>
    /// <response code="400">A parameter is not valid, or the version lies in the future.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="410">The changes from that version on are no longer kept; <c>oldest_version</c> tells which are.</response>
    /// <response code="503">The changes from that version on can't be read from the disk, <c>Admin:WatchesMax</c> streams are open, or the server stops.</response>
    public static async Task<IResult> WatchAsync(
        HttpContext http, IKeyValueStore store, TimeProvider time, IHostApplicationLifetime lifetime, WireOptions wire,
        string? prefix = null, [FromQuery(Name = "from_version")] long? fromVersion = null, bool values = false,
        [FromQuery(Name = "bookmark_interval")] string? bookmarkInterval = null,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId = null)
    {
        long from = fromVersion ?? 0;
        if (fromVersion is < 1) return Problems.BadRequest("invalid_value", $"from_version is {fromVersion}, expected 1 or more");
        if (Seconds.TryRead("bookmark_interval", bookmarkInterval, out decimal? seconds) is { } noInterval) return noInterval;
        if (seconds is < RequestLimits.BookmarkSecondsMin or > RequestLimits.BookmarkSecondsMax)
            return Problems.BadRequest("invalid_value", $"bookmark_interval is {bookmarkInterval}, expected 0.1 to 3600 seconds");
        if (lastEventId is not null)
        {
            if (!long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out long last) || last == long.MaxValue)
                return Problems.BadRequest("invalid_header", "Last-Event-ID is no version, expected the id of an event of this stream");
            from = last + 1;
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        var query = new WatchQuery { Prefix = Encoding.UTF8.GetBytes(prefix ?? ""), From = from };
        TimeSpan interval = TimeSpan.FromSeconds((double)(seconds ?? RequestLimits.BookmarkSecondsDefault));
        using var events = new EventStream(store, query, values, interval, time);
        bool isBegun = false;
        try
        {
            if (await events.BeginAsync(end.Token) is { } error) return Problems.OfRefusal(error);
            isBegun = true;
            await events.RunAsync(http.Response, wire.WriteTimeout, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client has gone, or the server stops.
            return isBegun ? Results.Empty : Problems.Stopping();
        }
        return Results.Empty;
    }
}
