using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Every endpoint with every kind of client.</summary>
public sealed class HttpAccessTests(UsersServer server, AnonymousServer anonymous)
    : IClassFixture<UsersServer>, IClassFixture<AnonymousServer>
{
    /// <summary>The rights of each user to orders (R, W, T for watch) and to the server (A for admin, M for metrics).</summary>
    private static readonly Dictionary<string, string> RightsOf = new()
    {
        ["reader"] = "R", ["writer"] = "RW", ["watcher"] = "T", ["other"] = "", ["ops"] = "AM", ["root"] = "RWTAM",
    };

    /// <summary>
    /// Each endpoint: method and route pattern, a request, and the rights that it needs. "*" is everybody, "" is every user.
    /// </summary>
    private static readonly Row[] Table =
    [
        new("GET /", "/", "*"),
        new("HEAD /", "/", "*"),
        new("* /health/live", "/health/live", "*"),
        new("* /health/ready", "/health/ready", "*"),
        new("* /metrics", "/metrics", "M"),
        new("GET /v1/count", "/v1/count?prefix=order:", "R"),
        new("HEAD /v1/count", "/v1/count?prefix=order:", "R"),
        new("GET /v1/keys", "/v1/keys?prefix=order:&values=true", "R"),
        new("HEAD /v1/keys", "/v1/keys?prefix=order:", "R"),
        new("* /v1/keys", "/v1/keys", "*", Method: "PUT"),
        new("GET /v1/keys/{**key}", "/v1/keys/order:1", "R"),
        new("HEAD /v1/keys/{**key}", "/v1/keys/order:1", "R"),
        new("PUT /v1/keys/{**key}", "/v1/keys/order:1", "W", "2"),
        new("PUT /v1/keys/{**key}", "/v1/keys/order:1?path=/n", "RW", "2"),
        new("PATCH /v1/keys/{**key}", "/v1/keys/order:1", "RW", "{}", Header: "Content-Type: application/merge-patch+json"),
        new("DELETE /v1/keys/{**key}", "/v1/keys/order:1", "W"),
        new("DELETE /v1/keys/{**key}", "/v1/keys/order:1", "W", Header: "If-None-Match: \"999999\""),
        new("GET /v1/key", "/v1/key?key=order:1", "R"),
        new("HEAD /v1/key", "/v1/key?key=order:1", "R"),
        new("PUT /v1/key", "/v1/key?key=order:1", "W", "2"),
        new("PATCH /v1/key", "/v1/key?key=order:1", "RW", "[]", Header: "Content-Type: application/json-patch+json"),
        new("DELETE /v1/key", "/v1/key?key=order:1", "W"),
        new("POST /v1/batch", "/v1/batch", "R", "{\"ops\": [{\"func\": \"GET\", \"params\": {\"obj\": \"order:1\"}}]}"),
        new("POST /v1/batch", "/v1/batch", "W", "{\"ops\": [{\"func\": \"PUT\", \"params\": {\"obj\": \"order:1\", \"val\": 1}}]}"),
        new("POST /v1/batch", "/v1/batch", "RW", "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"order:1\", \"path\": \"/n\"}}]}"),
        new("POST /v1/call", "/v1/call", "", "{\"func\": \"PING\"}"),
        new("GET /v1/watch", "/v1/watch?prefix=order:", "T"),
        new("GET /v1/watch", "/v1/watch?prefix=order:&values=true", "RT"),
        new("HEAD /v1/watch", "/v1/watch?prefix=order:", "T"),
        new("GET /v1/stats", "/v1/stats", "A"),
        new("HEAD /v1/stats", "/v1/stats", "A"),
        new("POST /v1/admin/snapshot", "/v1/admin/snapshot", "A"),
        new("GET /v1/admin/backup", "/v1/admin/backup", "A"),
        new("HEAD /v1/admin/backup", "/v1/admin/backup", "A"),
    ];

    public static TheoryData<int, string> Rows()
    {
        var rows = new TheoryData<int, string>();
        for (int i = 0; i < Table.Length; i++) rows.Add(i, $"{Table[i].Endpoint} {Table[i].Target} {Table[i].Header}");
        return rows;
    }

    [Fact]
    public void EveryEndpoint_DeclaresItsAccess_AndIsInTheTable()
    {
        List<string> endpoints = [];
        foreach (RouteEndpoint endpoint in EndpointsOf(server.Users))
        {
            bool isDeclared = endpoint.Metadata.GetMetadata<AuthorizationPolicy>() is not null ||
                endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null;
            Assert.True(isDeclared, $"{endpoint} does not declare who may call it, expected a method of EndpointAccess");
            string pattern = "/" + endpoint.RoutePattern.RawText!.Trim('/');
            IReadOnlyList<string> methods = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["*"];
            endpoints.AddRange(methods.Select(method => $"{method} {pattern}"));
        }
        Assert.Equal(Table.Select(row => row.Endpoint).Distinct().Order(StringComparer.Ordinal), endpoints.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Endpoint_WithEveryKindOfClient_ServesThoseWithTheRights(int place, string name)
    {
        Row row = Table[place];
        Assert.StartsWith(row.Endpoint, name, StringComparison.Ordinal);
        foreach ((string user, string rights) in RightsOf)
        {
            await server.SeedAsync();
            (int status, string? code) = await SendAsync(server, row, UsersServer.Bearer(user));
            if (row.Needs.All(right => right == '*' || rights.Contains(right, StringComparison.Ordinal)))
                Assert.True(row.IsServed(status), $"{user}: {status} {code}");
            else
                Assert.Equal((user, 403, Code("forbidden")), (user, status, code));
        }
        foreach ((string header, string expected) in ((string, string)[])
            [
                ("", "auth_required"), ("Authorization: Bearer wrong", "auth_failed"), ("Authorization: Bearer ", "auth_failed"),
                (UsersServer.Bearer("disabled"), "auth_failed"), (UsersServer.Bearer("expired"), "auth_failed"),
                (UsersServer.Bearer("unknown"), "auth_failed"), ("Authorization: Digest x", "auth_failed"),
            ])
        {
            (int status, string? code) = await SendAsync(server, row, header);
            if (row.Needs == "*") Assert.True(row.IsServed(status), $"{header}: {status} {code}");
            else Assert.Equal((header, 401, Code(expected)), (header, status, code));
        }

        // Anonymous clients may read orders. Without other rights they must authenticate.
        await anonymous.SeedAsync();
        (int open, string? refusal) = await SendAsync(anonymous, row, "");
        if (row.Needs is "" or "*" or "R") Assert.True(row.IsServed(open), $"{open} {refusal}");
        else Assert.Equal((401, Code("auth_required")), (open, refusal));

        // A wrong secret drops the rights of anonymous clients.
        if (row.Needs != "*") Assert.Equal((401, Code("auth_failed")), await SendAsync(anonymous, row, "Authorization: Bearer wrong"));

        string? Code(string code) => row.Method == "HEAD" ? null : code;
    }

    [Fact]
    public async Task UndeclaredPath_WithAnyClient_Is404WithoutAnIdentity()
    {
        foreach (string header in
            (string[])["X: y", "Authorization: Bearer wrong", UsersServer.Bearer("reader"), UsersServer.Bearer("root")])
        {
            foreach (string target in (string[])["/v1/nowhere", "/v1", "/v2/keys", "/v1/admin", "/v1/admin/users", "/Swagger2"])
            {
                RawResponse response = await server.Process.CallAsync("GET", target, null, header);
                response.AssertProblem(404, "unknown_route");
                Assert.DoesNotContain("reader", response.Text, StringComparison.Ordinal);
            }
            (await server.Process.CallAsync("DELETE", "/v1/count", null, header)).AssertProblem(405, "method_not_allowed");
        }
    }

    /// <summary>A call over HTTP has the code of the same request on the wire.</summary>
    [Theory]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"order:1\"}}")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"order\"}}")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"\\u006frder:1\"}}")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"\\u0075ser:1\"}}")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"order:1\", \"obj\": \"user:1\"}}")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"order:2\", \"val\": 1}}")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"order:2\", \"val\": 1, \"return_old\": true}}")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"order:2\", \"val\": 1, \"if_version\": 999}}")]
    [InlineData("{\"func\": \"DELETE\", \"params\": {\"obj\": \"user:none\"}}")]
    [InlineData("{\"func\": \"PATCH\", \"params\": {\"obj\": \"order:1\", \"patch\": [{\"op\": \"test\", \"path\": \"/n\", \"value\": 5}]}}")]
    [InlineData("{\"func\": \"INCR\", \"params\": {\"obj\": \"order:3\"}}")]
    [InlineData("{\"func\": \"EXPIRE\", \"params\": {\"obj\": \"order:3\", \"ttl\": null}}")]
    [InlineData("{\"func\": \"MGET\", \"params\": {\"objs\": [\"order:1\", \"user:1\"]}}")]
    [InlineData("{\"func\": \"BATCH\", \"params\": {\"ops\": [{\"func\": \"GET\", \"params\": {\"obj\": \"order:1\"}}, {\"func\": \"GET\", \"params\": {\"obj\": \"user:1\"}}]}}")]
    [InlineData("{\"func\": \"SCAN\", \"params\": {}}")]
    [InlineData("{\"func\": \"SCAN\", \"params\": {\"prefix\": \"order:\"}}")]
    [InlineData("{\"func\": \"SCAN\", \"params\": {\"prefix\": \"order\"}}")]
    [InlineData("{\"func\": \"SCAN\", \"params\": {\"after\": \"order:\", \"until\": \"order;\"}}")]
    [InlineData("{\"func\": \"INFO\"}")]
    [InlineData("{\"func\": \"HELP\"}")]
    [InlineData("{\"func\": \"NOPE\"}")]
    [InlineData("{\"func\": \"GET\"}")]
    public async Task Call_OfEachUser_HasTheOutcomeOfTheWire(string request)
    {
        foreach (string user in RightsOf.Keys)
        {
            using WireClient wire = await WireClient.ConnectAsync(server.Process.WirePort);
            string authenticated = await wire.CallAsync(
                $$$"""{"func": "AUTH", "params": {"user": "{{{user}}}", "secret": "{{{UsersServer.Secrets[user]}}}"}}""");
            Assert.Contains("\"OK\"", authenticated, StringComparison.Ordinal);
            await server.SeedAsync();
            string expected = await wire.CallAsync(request);
            await server.SeedAsync();
            RawResponse response = await server.CallAsync(user, "POST", "/v1/call", request);
            Assert.Equal((user, 200, Outcome(expected)), (user, response.Status, Outcome(response.Text)));
        }
    }

    [Fact]
    public async Task Auth_AsACall_IsRefusedWithoutAnEffect()
    {
        string auth = $$$"""{"func": "AUTH", "params": {"user": "root", "secret": "{{{UsersServer.Secrets["root"]}}}"}}""";
        Assert.Contains("\"invalid_value\"", (await server.CallAsync("reader", "POST", "/v1/call", auth)).Text, StringComparison.Ordinal);
        (await server.CallAsync("", "POST", "/v1/call", auth)).AssertProblem(401, "auth_required");
        Assert.Equal(403, (await server.CallAsync("reader", "GET", "/v1/stats")).Status);
    }

    [Fact]
    public async Task Info_WithoutTheRightAdmin_IsBrief()
    {
        const string Info = "{\"func\": \"INFO\"}";
        Assert.DoesNotContain("\"keys\"", (await server.CallAsync("reader", "POST", "/v1/call", Info)).Text, StringComparison.Ordinal);
        Assert.Contains("\"keys\"", (await server.CallAsync("ops", "POST", "/v1/call", Info)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IdempotencyKey_OfAnotherUser_IsNotFound()
    {
        const string Key = "Idempotency-Key: shared";
        Assert.Equal(201, (await server.CallAsync("writer", "PUT", "/v1/keys/order:idempotent", "1", Key)).Status);
        Assert.Equal(204, (await server.CallAsync("root", "PUT", "/v1/keys/order:idempotent", "2", Key)).Status);
        (await server.CallAsync("writer", "PUT", "/v1/keys/order:idempotent", "3", Key)).AssertProblem(422, "request_id_reused");
    }

    [Fact]
    public async Task Batch_WithOneForbiddenOperation_ChangesNothingAndNamesTheOperation()
    {
        const string Batch = "{\"ops\": [{\"func\": \"PUT\", \"params\": {\"obj\": \"order:b\", \"val\": 1}}, {\"func\": \"PUT\", \"params\": {\"obj\": \"user:b\", \"val\": 1}}]}";
        JsonElement problem = (await server.CallAsync("writer", "POST", "/v1/batch", Batch)).AssertProblem(403, "forbidden");
        Assert.Equal(1, problem.GetProperty("index").GetInt32());
        Assert.Equal(404, (await server.CallAsync("root", "GET", "/v1/keys/order:b")).Status);
    }

    /// <summary>Returns the code, or the text of a success without versions, which differ.</summary>
    private static string Outcome(string reply)
    {
        JsonElement root = JsonDocument.Parse(reply).RootElement;
        if (root.TryGetProperty("error", out JsonElement error)) return error.GetProperty("code").GetString()!;
        return root.GetProperty("response").GetProperty("func").GetString()!;
    }

    private static async Task<(int Status, string? Code)> SendAsync(UsersServer server, Row row, string authorization)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectCallback = ConnectAsync })
        {
            Timeout = Wait.Patience,
        };
        using var request = new HttpRequestMessage(new HttpMethod(row.Method), new Uri(server.Process.Admin, row.Target));
        string[] header = authorization.Split(": ", 2);
        if (authorization != "") request.Headers.TryAddWithoutValidation(header[0], header[1]);
        if (row.Body is not null) request.Content = new StringContent(row.Body, null, "application/json");
        if (row.Header is { } other && other.Split(": ") is [var name, var value])
        {
            if (name == "Content-Type") request.Content!.Headers.ContentType = new(value);
            else request.Headers.TryAddWithoutValidation(name, value);
        }
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        int status = (int)response.StatusCode;
        if (status == 401) Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).ToString());
        if (status < 400 || row.Method == "HEAD") return (status, null);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        using JsonDocument problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (status, problem.RootElement.GetProperty("code").GetString());
    }

    /// <summary>Connects from a random address of this machine. The server delays its replies to many failures from one address.</summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(new IPAddress([127, .. RandomNumberGenerator.GetBytes(2), 1]), 0));
        await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Returns the endpoints of the program, composed as in Program.cs.</summary>
    private static IReadOnlyList<RouteEndpoint> EndpointsOf(TestUsersFile users)
    {
        WebApplicationBuilder builder = HostSetup.CreateBuilder(
            CommandLine.Parse(["--KestrelKv:Data:Durability=Memory", $"--KestrelKv:{users.Setting}"]));
        ServerSettings settings = ServerSettings.Read(builder.Configuration);
        builder.AddLogging(settings);
        builder.AddTelemetry();
        builder.AddHosting(settings);
        builder.AddStore(settings);
        builder.AddSecurity(settings);
        builder.AddWire(settings);
        builder.AddAdmin(settings);
        using WebApplication app = builder.Build();
        app.MapTelemetry();
        app.MapAdmin();
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()];
    }

    private sealed record Row(
        string Endpoint, string Target, string Needs, string? Body = null, string? Header = null, string? Method = null)
    {
        public string Method { get; } = Method ?? (Endpoint[0] == '*' ? "GET" : Endpoint.Split(' ')[0]);

        /// <summary>Whether a status is that of a request that was not refused for lack of rights.</summary>
        public bool IsServed(int status) => Endpoint == "* /v1/keys" ? status == 405 : status < 400;
    }
}
