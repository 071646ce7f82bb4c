using System.Net.ServerSentEvents;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>The start of an event stream.</summary>
public sealed class EventStreamTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Fact]
    public async Task Watch_FromAVersionWithChanges_SendsThemAfterTheFirstBookmark()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        await wire.CallAsync(Frames.Put("k", "1"));
        await wire.CallAsync(Frames.Put("k", "2"));

        using var http = new HttpClient();
        using Stream stream = await http.GetStreamAsync(new Uri(server.Process.Admin, "v1/watch?from_version=1&values=true"));
        List<SseItem<string>> events = [];
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync())
        {
            events.Add(item);
            if (events.Count == 2) break;
        }
        Assert.Equal(["bookmark", "changes"], events.Select(item => item.EventType));
        Assert.Equal("""{"version": 0, "changes": []}""", events[0].Data);
        Assert.Equal(
            """{"version": 2, "changes": [{"version": 1, "kind": "put", "obj": "k", "val": 1, "expires_at": null}, {"version": 2, "kind": "put", "obj": "k", "val": 2, "expires_at": null}]}""",
            events[1].Data);
    }

    [Fact]
    public async Task Watch_StartedWhileTheServerStops_IsAnEmptyStream()
    {
        using var store = new EmbeddedStore(TimeProvider.System);
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        lifetime.StopApplication();

        var options = new WireOptions();
        using var connections = new WireConnections(options, TimeProvider.System);
        var limits = new RequestLimits();
        var bodies = new RequestBody(connections, limits, options, TimeProvider.System);
        var clients = new RequestClients(TimeProvider.System);
        var mapper = new RequestMapper(limits, new RequestRunner(store, connections), bodies, clients);
        var http = new DefaultHttpContext { Request = { QueryString = new QueryString("?from_version=1") } };
        http.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(WatchEndpoint.Call), null));

        IResult result = await WatchEndpoint.WatchAsync(http, mapper, store, TimeProvider.System, lifetime, options, connections, clients);

        // A browser reconnects after the end of a stream, but never after an error status.
        Assert.Same(Results.Empty, result);
        Assert.Equal((StatusCodes.Status200OK, "text/event-stream"), (http.Response.StatusCode, http.Response.ContentType));
    }
}
