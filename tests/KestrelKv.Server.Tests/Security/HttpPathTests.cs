using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Unusual spellings of URLs, methods and hosts give no access to other keys.</summary>
public sealed class HttpPathTests(UsersServer server) : IClassFixture<UsersServer>
{
    public static TheoryData<string> Targets() =>
    [
        "/v1/keys/user:1", "/v1/keys/user%3A1", "/v1/keys/%75ser:1", "/v1/keys/user:1/", "/v1/keys//user:1", "//v1/keys/user:1",
        "/v1//keys/user:1", "/V1/KEYS/user:1", "/v1/./keys/user:1", "/v1/x/../keys/user:1", "/v1/keys/order:/../user:1",
        "/v1/keys/order:%2f..%2fuser:1", "/v1/keys/order:%2e%2e/user:1", "/v1/keys/order:/%2e%2e/user:1", "/v1/keys/order:/..%2fuser:1",
        "/v1/keys/order:/%252e%252e/user:1", "/v1/keys/order:%00user:1", "/v1/keys/order:1;/user:1", "/v1/keys/order:1/../../keys/user:1",
        "/v1%2fkeys/user:1", "/v1/keys%2fuser:1", "/v1/keys\\user:1", "http://127.0.0.1/v1/keys/user:1",
        "http://127.0.0.1/v1/keys/order:/../user:1",
        "/swagger/../v1/keys/user:1", "/swagger/%2e%2e/v1/keys/user:1", "/swagger/..%2fv1/keys/user:1", "/health/live/../../v1/keys/user:1",
        "/health/live/v1/keys/user:1", "/metrics/../v1/keys/user:1",
        "/v1/key?key=user:1", "/v1/key?key=user%3A1", "/v1/key?KEY=user:1", "/v1/key?key=order:1&key=user:1",
        "/v1/key?key=order:1&KEY=user:1",
        "/v1/key?key=order:1%26key=user:1", "/v1/key?key=user:1#order:1", "/v1/key;key=order:1?key=user:1",
        "/v1/keys?values=true", "/v1/keys?values=true&prefix=", "/v1/keys?values=true&prefix=order", "/v1/keys?values=true&prefix=user:",
        "/v1/keys?values=true&prefix=order:&after=user:", "/v1/keys?values=true&prefix=order:&until=z", "/v1/keys?values=true&prefix=%00",
        "/v1/keys?values=true&prefix=order:&prefix=", "/v1/keys?values=true&prefix=order%3A", "/v1/keys/?values=true&prefix=user:",
    ];

    /// <summary>The server has one spelling of each path for routing, rights and execution.</summary>
    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Target_OfAKeyWithoutAGrant_NeverReturnsOrRemovesIt(string target)
    {
        foreach (string user in (string[])["", "reader", "writer", "ops"])
        {
            foreach (string method in (string[])["GET", "DELETE", "PUT"])
            {
                RawResponse response = await server.CallAsync(user, method, target, method == "PUT" ? "1" : null);
                Assert.DoesNotContain(Canary.Value, response.Text, StringComparison.Ordinal);
                Assert.True(response.Status < 500, $"{method} {target}: {response.Status}");
            }
        }
        Assert.Equal($"\"{Canary.Value}\"", (await server.CallAsync("root", "GET", "/v1/keys/user:1")).Text);
    }

    [Theory]
    [InlineData("/v1/admin/backup")]
    [InlineData("/v1/admin/backup/")]
    [InlineData("/V1/Admin/Backup")]
    [InlineData("//v1/admin/backup")]
    [InlineData("/v1//admin/backup")]
    [InlineData("/v1/admin/./backup")]
    [InlineData("/v1/%61dmin/backup")]
    [InlineData("/v1/keys/../admin/backup")]
    [InlineData("/v1/stats/../admin/backup")]
    [InlineData("/swagger/../v1/admin/backup")]
    [InlineData("/health/live/../../v1/admin/backup")]
    [InlineData("/v1/stats")]
    [InlineData("/v1/stats/")]
    [InlineData("/v1/Stats")]
    [InlineData("/metrics")]
    [InlineData("/metrics/")]
    [InlineData("/Metrics")]
    [InlineData("/swagger/../metrics")]
    [InlineData("/health/../metrics")]
    public async Task Target_OfAnAdmin_IsRefusedToOthers(string target)
    {
        foreach (string user in (string[])["", "reader", "writer"])
        {
            RawResponse response = await server.CallAsync(user, "GET", target);
            response.AssertProblem(response.Status);
            Assert.True(response.Status is 401 or 403 or 404, $"{user}: {response.Status}");
        }
    }

    [Theory]
    [InlineData("X-HTTP-Method-Override: DELETE")]
    [InlineData("X-HTTP-Method: DELETE")]
    [InlineData("X-Method-Override: DELETE")]
    [InlineData("X-Original-URL: /v1/keys/user:1")]
    [InlineData("X-Rewrite-URL: /v1/keys/user:1")]
    [InlineData("X-Forwarded-Prefix: /v1/keys/user:1")]
    public async Task Header_ThatOverridesMethodOrUrl_IsIgnored(string header)
    {
        await server.SeedAsync();
        foreach (string method in (string[])["GET", "POST"])
        {
            RawResponse response = await server.CallAsync("reader", method, "/v1/keys/order:1", method == "POST" ? "" : null, header);
            Assert.Equal(method == "GET" ? 200 : 405, response.Status);
        }
        Assert.Equal(200, (await server.CallAsync("reader", "GET", "/v1/keys/order:1")).Status);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example")]
    public async Task Host_OfAnotherSite_IsRefusedBeforeTheCredentials(string host)
    {
        foreach (string target in (string[])["/v1/keys/order:1", "/metrics", "/health/ready", "/swagger/index.html"])
        {
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Process.Admin, target));
            request.Headers.Host = host;
            request.Headers.Authorization = new("Bearer", UsersServer.Secrets["root"]);
            using HttpResponseMessage response = await http.SendAsync(request);
            Assert.Equal(400, (int)response.StatusCode);
            Assert.Contains("host_not_allowed", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    /// <summary>Browsers send some of these without a preflight, with a client certificate or Basic credentials.</summary>
    [Theory]
    [InlineData("Sec-Fetch-Site: cross-site")]
    [InlineData("Sec-Fetch-Site: same-site")]
    [InlineData("Origin: http://evil.example")]
    [InlineData("Origin: null")]
    public async Task Request_OfAPageOfAnotherSite_IsRefusedOnAllOfV1(string header)
    {
        foreach ((string method, string target, string? body) in ((string, string, string?)[])
            [
                ("GET", "/v1/keys/order:1", null), ("GET", "/v1/keys?prefix=order:", null), ("GET", "/v1/count", null),
                ("GET", "/v1/stats", null),
                ("GET", "/v1/watch", null), ("PUT", "/v1/keys/order:1", "1"), ("DELETE", "/v1/keys/order:1", null),
                ("POST", "/v1/call", "{\"func\": \"PING\"}"), ("POST", "/v1/batch", "{}"), ("POST", "/v1/admin/snapshot", ""),
                ("GET", "/v1/admin/backup", null),
            ])
        {
            RawResponse response = await server.CallAsync("root", method, target, body, header, "Content-Type: text/plain");
            response.AssertProblem(403, "cross_origin");
            Assert.DoesNotContain(response.Headers.Keys, name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        }
        RawResponse preflight = await server.CallAsync(
            "", "OPTIONS", "/v1/keys/order:1", null, "Origin: http://evil.example", "Access-Control-Request-Method: PUT");
        Assert.DoesNotContain(preflight.Headers.Keys, name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.True(preflight.Status >= 400);
    }

    /// <summary>The bytes after the first request are a request without credentials, or none.</summary>
    [Theory]
    [InlineData("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 400\r\n\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 0\r\nContent-Length: 400\r\n\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n\r\n")]
    public async Task Request_WithAmbiguousLength_GivesItsRightsToNoOther(string headersAndBody)
    {
        await server.SeedAsync();
        using WireClient http = await WireClient.ConnectAsync(server.Process.Admin.Port);
        string first = $"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\n{UsersServer.Bearer("root")}\r\n{headersAndBody}";
        await http.SendAsync(Encoding.ASCII.GetBytes(
            $"{first}DELETE /v1/keys/order:1 HTTP/1.1\r\nHost: localhost\r\n\r\n" +
            "GET /v1/keys/user:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        string replies = Encoding.UTF8.GetString(await http.ReceiveToEndAsync());
        Assert.StartsWith("HTTP/1.1 ", replies, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary.Value, replies, StringComparison.Ordinal);
        Assert.DoesNotContain("HTTP/1.1 20", replies, StringComparison.Ordinal);
        Assert.Equal(200, (await server.CallAsync("root", "GET", "/v1/keys/order:1")).Status);
    }

    [Fact]
    public async Task Connection_WithManyRequests_ChecksEachByItself()
    {
        using WireClient http = await WireClient.ConnectAsync(server.Process.Admin.Port);
        string Get(string header, string connection) =>
            $"GET /v1/keys/order:1 HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n{header}\r\n\r\n";
        await server.SeedAsync();
        await http.SendAsync(Encoding.ASCII.GetBytes(
            Get(UsersServer.Bearer("reader"), "keep-alive") + Get("X: y", "keep-alive") + Get(UsersServer.Bearer("other"), "keep-alive") +
            Get(UsersServer.Bearer("reader"), "close")));
        string[] statuses = [.. Encoding.UTF8.GetString(await http.ReceiveToEndAsync()).Split("HTTP/1.1 ")[1..].Select(part => part[..3])];
        Assert.Equal(["200", "401", "403", "200"], statuses);
    }
}
