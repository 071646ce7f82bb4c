using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using System.Text;
using System.Text.Json;
using KestrelKv.Server.Admin;
using KestrelKv.Testing;
using KestrelKv.Wire;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>The endpoints about the server and the OpenAPI description.</summary>
public sealed class ServerEndpointTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    /// <summary>Every endpoint of the OpenAPI description with its parameters and responses.</summary>
    public static TheoryData<string, string, string, string> Endpoints()
    {
        TheoryData<string, string, string, string> endpoints = new()
        {
            { "/v1/keys", "get", "prefix after until limit values descending delimiter", "200 400 503" },
            { "/v1/count", "get", "prefix after until", "200 400 503" },
            { "/v1/batch", "post", "Idempotency-Key", "200 400 403 404 409 412 413 415 422 503 504 507" },
            { "/v1/call", "post", "", "200 400 403 413 415 503" },
            { "/v1/watch", "get", "prefix from_version values bookmark_interval Last-Event-ID", "200 400 403 410 503" },
            { "/v1/stats", "get", "", "200 400" },
            { "/v1/admin/snapshot", "post", "", "200 400 403 409 503 507" },
            { "/v1/admin/backup", "get", "", "200 304 400 403 409 412 503 507" },
        };
        foreach (string path in (string[])["/v1/key", "/v1/keys/{key}"])
        {
            endpoints.Add(path, "get", "key If-Match If-None-Match path touch", "200 304 400 403 404 412 503");
            endpoints.Add(path, "head", "key If-Match If-None-Match path touch", "200 304 400 403 404 412 503");
            endpoints.Add(
                path, "put", "key If-Match If-None-Match path ttl expires_at Idempotency-Key",
                "201 204 400 404 409 412 413 415 422 503 504 507");
            endpoints.Add(
                path, "patch", "key If-Match If-None-Match ttl expires_at Idempotency-Key", "201 204 400 404 409 412 413 415 422 503 504 507");
            endpoints.Add(path, "delete", "key If-Match If-None-Match Idempotency-Key", "204 400 404 412 422 503 504 507");
        }
        return endpoints;
    }

    [Fact]
    public void Stats_Uptime_UsesTheMonotonicClock()
    {
        var time = new MonotonicClock();
        using var connections = new WireConnections(new(), time);
        time.Elapsed = TimeSpan.FromSeconds(90);
        using var store = new ManagedStore(time);
        var http = new DefaultHttpContext { RequestServices = new ServiceCollection().BuildServiceProvider() };
        Assert.Equal(90, StatsEndpoint.Get(http, store, new(), connections).UptimeSeconds);
    }

    [Fact]
    public async Task Stats_AfterWritesAndConnections_ReportThem()
    {
        await using ServerProcess own = await ServerProcess.StartAsync();
        JsonElement before = await StatsAsync(own);
        Assert.Equal(
            [
                "keys", "bytes", "memory_bytes", "memory_bytes_max", "expirations", "evictions", "refusals", "version", "oldest_version",
                "watches", "request_ids",
                "engine", "durability", "durable_version", "disk", "disk_error", "log_bytes", "history_bytes",
                "last_snapshot_version", "last_snapshot_at", "last_snapshot_bytes", "snapshot_failures",
                "connections", "uptime_seconds", "server_version",
            ],
            before.EnumerateObject().Select(member => member.Name));
        Assert.Equal((0, 0, 0, 0), Figures(before));
        Assert.Matches(@"^\d+\.\d+\.\d+$", before.GetProperty("server_version").GetString());
        Assert.InRange(before.GetProperty("uptime_seconds").GetDouble(), 0.001, 600);

        using (WireClient one = await WireClient.ConnectAsync(own.WirePort))
        using (WireClient other = await WireClient.ConnectAsync(own.WirePort))
        {
            await DefaultServer.AssertServesAsync(other);
            await one.CallAsync(Frames.Put("é", "12345"));
            await one.CallAsync(Frames.Put("b", "1"));
            await one.CallAsync(Frames.Put("b", "22"));
            Assert.Equal((2, 2 + 5 + 1 + 2, 3, 2), Figures(await StatsAsync(own)));
        }
        await RawHttp.SendAsync(own.Admin, "DELETE", "/v1/key?key=b");
        await Wait.UntilAsync(async () => Figures(await StatsAsync(own)) == (1, 7, 4, 0), () => "the connections are still counted");

        static (long, long, long, long) Figures(JsonElement stats) => (
            stats.GetProperty("keys").GetInt64(), stats.GetProperty("bytes").GetInt64(), stats.GetProperty("version").GetInt64(),
            stats.GetProperty("connections").GetInt64());
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_OfARunningServer_IsHealthy(string path)
    {
        RawResponse response = await RawHttp.SendAsync(server.Process.Admin, "GET", path);
        Assert.Equal((200, "Healthy"), (response.Status, response.Text));
    }

    [Fact]
    public async Task Health_AtTheConnectionLimit_IsLiveButNotReady()
    {
        await using ServerProcess own = await ServerProcess.StartAsync(["Wire:ConnectionsMax=1"]);
        using (WireClient only = await WireClient.ConnectAsync(own.WirePort))
        {
            await DefaultServer.AssertServesAsync(only);
            Assert.Equal(503, (await RawHttp.SendAsync(own.Admin, "GET", "/health/ready")).Status);
            Assert.Equal(200, (await RawHttp.SendAsync(own.Admin, "GET", "/health/live")).Status);
        }
        await Wait.UntilAsync(
            async () => (await RawHttp.SendAsync(own.Admin, "GET", "/health/ready")).Status == 200, () => "not ready again");
    }

    [Fact]
    public async Task Root_RedirectsToSwagger()
    {
        RawResponse root = await RawHttp.SendAsync(server.Process.Admin, "GET", "/");
        Assert.Equal((302, "/swagger"), (root.Status, root.Headers["Location"]));
        using var http = new HttpClient();
        Assert.Contains("swagger-ui", await http.GetStringAsync(server.Process.Admin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Description_HasExactlyTheExistingEndpoints()
    {
        JsonElement paths = (await DescriptionAsync()).GetProperty("paths");
        Assert.Equal(
            Endpoints().Select(row => $"{row[1]} {row[0]}").Order(StringComparer.Ordinal),
            paths.EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name} {path.Name}")).Order(
                StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Description_OfAnEndpoint_IsComplete(string path, string method, string parameters, string responses)
    {
        JsonElement description = await DescriptionAsync();
        JsonElement endpoint = description.GetProperty("paths").GetProperty(path).GetProperty(method);
        Assert.NotEqual("", endpoint.GetProperty("summary").GetString());
        string tag = Assert.Single(endpoint.GetProperty("tags").EnumerateArray()).GetString()!;
        Assert.NotEqual("", description.GetProperty("tags").EnumerateArray()
            .Single(each => each.GetProperty("name").GetString() == tag).GetProperty("description").GetString());

        JsonElement[] described = endpoint.TryGetProperty("parameters", out JsonElement array) ? [.. array.EnumerateArray()] : [];
        Assert.Equal(parameters, string.Join(' ', described.Select(parameter => parameter.GetProperty("name").GetString())));
        Assert.All(described, parameter =>
        {
            Assert.NotEqual("", parameter.GetProperty("description").GetString());
            // Swagger UI fills in examples. Examples for conditions, cursors, parts and expiries would make the prefilled requests fail
            // or return nothing useful.
            bool filledIn = parameter.GetProperty("name").GetString() is "key" or "prefix" or "limit" or "values";
            Assert.Equal(filledIn, parameter.TryGetProperty("example", out _));
        });

        JsonProperty[] answers = [.. endpoint.GetProperty("responses").EnumerateObject()];
        Assert.Equal(responses, string.Join(' ', answers.Select(answer => answer.Name).Order(StringComparer.Ordinal)));
        Assert.All(answers, answer =>
        {
            Assert.NotEqual("", answer.Value.GetProperty("description").GetString());
            if (method != "head" && answer.Name[0] is ('4' or '5'))
                Assert.True(answer.Value.GetProperty("content").TryGetProperty("application/problem+json", out _));
        });
    }

    [Theory]
    [InlineData("/v1/keys/{key}", "put", "application/json", 204)]
    [InlineData("/v1/key", "put", "application/json", 204)]
    [InlineData("/v1/keys/{key}", "patch", "application/merge-patch+json", 204)]
    [InlineData("/v1/keys/{key}", "patch", "application/json-patch+json", 204)]
    [InlineData("/v1/key", "patch", "application/merge-patch+json", 204)]
    [InlineData("/v1/key", "patch", "application/json-patch+json", 204)]
    [InlineData("/v1/batch", "post", "application/json", 200)]
    public async Task Description_ExampleOfABody_Works(string path, string method, string type, int status)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/user:1", "{\"name\": \"Ada\", \"visits\": 1}");
        JsonElement body = (await DescriptionAsync()).GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("requestBody");
        Assert.NotEqual("", body.GetProperty("description").GetString());
        Assert.True(body.GetProperty("required").GetBoolean());
        string example = body.GetProperty("content").GetProperty(type).GetProperty("example").GetRawText();

        string target = path == "/v1/key" ? "/v1/key?key=user:1" : path.Replace("{key}", "user:1", StringComparison.Ordinal);
        Assert.Equal(status, (await server.Process.CallAsync(method.ToUpperInvariant(), target, example, $"Content-Type: {type}")).Status);
        if (method == "patch") Assert.Equal("2", (await server.Process.CallAsync("GET", "/v1/keys/user:1?path=/visits")).Text);
    }

    [Fact]
    public async Task Wire_DuringSlowAdminRequestsAndListings_Answers()
    {
        await using ServerProcess own = await ServerProcess.StartAsync();
        using WireClient wire = await WireClient.ConnectAsync(own.WirePort);
        for (int i = 0; i < 2_000; i++) await wire.CallAsync(Frames.Put($"listed/{i:0000}", $"\"{new string('x', 2_000)}\""));

        // More PUTs with incomplete bodies than the machine has threads, and back-to-back listings.
        List<WireClient> slow = [];
        for (int i = 0; i < 100; i++)
        {
            slow.Add(await WireClient.ConnectAsync(own.Admin.Port));
            await slow[i].SendAsync(Encoding.ASCII.GetBytes(
                $"PUT /v1/key?key=dribble{i} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n[1"));
        }
        using var http = new HttpClient { BaseAddress = own.Admin };
        using var done = new CancellationTokenSource();
        int listings = 0;
        Task[] listing = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                Assert.True((await http.GetByteArrayAsync("v1/keys?limit=1000&values=true")).Length > 2_000_000);
                Interlocked.Increment(ref listings);
            }
        }))];

        for (int i = 0; i < 300 || Volatile.Read(ref listings) < 20; i++)
        {
            await wire.CallAsync(Frames.Put("busy", $"{i}"));
            Assert.Equal(Frames.GetReply("busy", $"{i}"), await wire.CallAsync(Frames.Get("busy")));
            if (i % 3 == 0 && i < 300) await SendByteAsync(slow[i / 3]);
        }
        await done.CancelAsync();
        await Task.WhenAll(listing);
        foreach (WireClient client in slow) client.Dispose();
        Assert.Equal(Frames.GetReply("dribble0", "null"), await wire.CallAsync(Frames.Get("dribble0")));

        static async Task SendByteAsync(WireClient client)
        {
            try
            {
                await client.SendAsync(" "u8.ToArray());
            }
            catch (IOException)
            {
                // Kestrel aborts a connection that sends too slowly for more than 5 seconds, which happens on a busy machine.
            }
        }
    }

    private static async Task<JsonElement> StatsAsync(ServerProcess own)
    {
        using var http = new HttpClient { BaseAddress = own.Admin };
        return JsonDocument.Parse(await http.GetStringAsync("v1/stats")).RootElement;
    }

    private async Task<JsonElement> DescriptionAsync()
    {
        RawResponse response = await RawHttp.SendAsync(server.Process.Admin, "GET", "/swagger/v1/swagger.json");
        Assert.Equal(200, response.Status);
        return JsonDocument.Parse(response.Text).RootElement;
    }

    /// <summary>A clock with the machine's time of day and a settable monotonic time.</summary>
    private sealed class MonotonicClock : TimeProvider
    {
        public TimeSpan Elapsed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Elapsed.Ticks;
    }
}
