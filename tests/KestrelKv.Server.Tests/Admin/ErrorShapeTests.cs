using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>All error responses have the same form, and the response to HEAD is that to GET without its body.</summary>
public sealed class ErrorShapeTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Theory]
    [InlineData("GET", "/nowhere", 404, "unknown_route", null)]
    [InlineData("PUT", "/v1/keys", 405, "method_not_allowed", "GET, HEAD")]
    [InlineData("OPTIONS", "/v1/keys", 405, "method_not_allowed", "GET, HEAD")]
    [InlineData("PUT", "/v1/keys/", 405, "method_not_allowed", "GET, HEAD")]
    [InlineData("POST", "/v1/keys/a", 405, "method_not_allowed", "DELETE, GET, HEAD, PATCH, PUT")]
    [InlineData("POST", "/v1/key?key=a", 405, "method_not_allowed", "DELETE, GET, HEAD, PATCH, PUT")]
    [InlineData("GET", "/v1/batch", 405, "method_not_allowed", "POST")]
    [InlineData("DELETE", "/v1/stats", 405, "method_not_allowed", "GET, HEAD")]
    [InlineData("POST", "/", 405, "method_not_allowed", "GET, HEAD")]
    public async Task Request_WithoutARoute_GetsTheCodeAndTheAllowedMethods(
        string method, string target, int status, string code, string? allow)
    {
        RawResponse response = await server.Process.CallAsync(method, target);
        response.AssertProblem(status, code);
        Assert.Equal(
            allow,
            response.Headers.TryGetValue("Allow", out string? value)
                ? string.Join(", ", value.Split(", ").Order(StringComparer.Ordinal))
                : null);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/v1/keys?prefix=a")]
    [InlineData("/v1/keys/nobody")]
    [InlineData("/v1/keys?limit=0")]
    [InlineData("/v1/count")]
    [InlineData("/v1/stats")]
    [InlineData("/v1/admin/backup")]
    [InlineData("/health/ready")]
    [InlineData("/v1/watch?from_version=0")]
    public async Task Head_OfAnyTarget_HasTheStatusOfGetAndNoBody(string target)
    {
        RawResponse head = await server.Process.CallAsync("HEAD", target);
        Assert.Equal(((await server.Process.CallAsync("GET", target)).Status, ""), (head.Status, head.Text));
    }

    [Fact]
    public async Task Head_OfAStream_EndsAtOnce()
    {
        RawResponse head = await server.Process.CallAsync("HEAD", "/v1/watch");
        Assert.Equal((200, "text/event-stream", "no"), (head.Status, head.Headers["Content-Type"], head.Headers["X-Accel-Buffering"]));
    }

    [Theory]
    [InlineData("GET", "/v1/stats?x=1")]
    [InlineData("GET", "/v1/count?x=1")]
    [InlineData("GET", "/v1/keys/a?x=1")]
    [InlineData("POST", "/v1/admin/snapshot?x=1")]
    [InlineData("GET", "/v1/admin/backup?x=1")]
    [InlineData("POST", "/v1/batch?x=1")]
    public async Task Parameter_Unknown_IsRefusedByAllEndpoints(string method, string target) =>
        (await server.Process.CallAsync(method, target, method == "POST" ? "" : null)).AssertProblem(
            400, "unknown_parameter", "\"x\" is unknown");

    [Theory]
    [InlineData("PUT", "/v1/keys/body")]
    [InlineData("PATCH", "/v1/keys/body")]
    [InlineData("POST", "/v1/batch")]
    public async Task Body_PartialOrCompressed_IsRefusedAndNothingIsWritten(string method, string target)
    {
        const string Type = "Content-Type: application/merge-patch+json";
        (await server.Process.CallAsync(method, target, "[9]", Type, "Content-Range: bytes 0-2/42")).AssertProblem(
            400, "invalid_header", "Content-Range");
        RawResponse compressed = await server.Process.CallAsync(method, target, "[9]", Type, "Content-Encoding: gzip");
        compressed.AssertProblem(415, "unsupported_encoding", "the Content-Encoding is gzip");
        Assert.Equal("identity", compressed.Headers["Accept-Encoding"]);
        (await server.Process.CallAsync("GET", "/v1/keys/body")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Body_InMalformedChunks_IsRefusedWithoutALoggedError()
    {
        await using ServerProcess own = await ServerProcess.StartAsync();
        string[] broken = ["80000000\r\n1\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n1\r\n0\r\n\r\n", "zz\r\n1\r\n0\r\n\r\n", "1\r\n7X\r\n0\r\n\r\n", "-1\r\n7\r\n0\r\n\r\n"];
        foreach (string chunks in broken)
            foreach ((string method, string target) in ((string, string)[])[("PUT", "/v1/keys/s"), ("POST", "/v1/batch")])
            {
                // A chunked request must not have a Content-Length.
                using WireClient client = await WireClient.ConnectAsync(own.Admin.Port);
                await client.SendAsync(
                    Encoding.ASCII.GetBytes(
                        $"{method} {target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
                string response = Encoding.UTF8.GetString(await client.ReceiveToEndAsync());
                Assert.StartsWith("HTTP/1.1 400 ", response, StringComparison.Ordinal);
                Assert.Contains("\"code\":\"invalid_request\"", response, StringComparison.Ordinal);
            }
        await own.StopAsync();
        own.AssertNoComplaint();
    }

    [Theory]
    [InlineData("/%761/keys/v1/keys/foo")]
    [InlineData("/v1/%6Beys/foo")]
    [InlineData("/v1/%6Beys/abc/v1/keys/foo")]
    [InlineData("/v1/key%73/foo")]
    [InlineData("/v1/key%73/abc?path=/v1/keys/foo")]
    [InlineData("/x/../v1/keys/foo")]
    [InlineData("/%2E/v1/keys/foo")]
    public async Task RoutePrefix_PercentEncoded_IsRefused(string target)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/foo", "\"mine\"");
        foreach (string method in (string[])["PUT", "DELETE", "GET"])
            (await server.Process.CallAsync(method, target, method == "PUT" ? "\"other\"" : null)).AssertProblem(400);
        Assert.Equal("\"mine\"", (await server.Process.CallAsync("GET", "/v1/keys/foo")).Text);
    }

    [Fact]
    public async Task Target_InAbsoluteForm_AddressesItsKey()
    {
        Assert.Equal(
            201,
            (await server.Process.CallAsync("PUT", $"http://{server.Process.Admin.Authority}/v1/keys/url/v1/keys/x?ttl=1000", "1")).Status);
        Assert.Equal("1", (await server.Process.CallAsync("GET", "/v1/key?key=url/v1/keys/x")).Text);
    }

    [Fact]
    public async Task RequestId_InHeaderAndBody_IsRefused()
    {
        const string Batch = "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"two ids\"}}], \"request_id\": \"a\"}";
        (await server.Process.CallAsync("POST", "/v1/batch", Batch, "Idempotency-Key: a")).AssertProblem(
            400, "duplicate_parameter", "Idempotency-Key");
        Assert.Equal(200, (await server.Process.CallAsync("POST", "/v1/batch", Batch)).Status);
        Assert.Equal("1", (await server.Process.CallAsync("GET", "/v1/key?key=two%20ids")).Text);
    }

    [Fact]
    public async Task Backup_WithMatchingETag_IsNotModified()
    {
        RawResponse backup = await server.Process.CallAsync("GET", "/v1/admin/backup");
        RawResponse again = await server.Process.CallAsync("GET", "/v1/admin/backup", null, $"If-None-Match: {backup.ETag}");
        Assert.Equal((304, "", backup.ETag), (again.Status, again.Text, again.ETag));
        (await server.Process.CallAsync("GET", "/v1/admin/backup", null, "If-Match: \"0\"")).AssertProblem(412, "precondition_failed");
    }
}
