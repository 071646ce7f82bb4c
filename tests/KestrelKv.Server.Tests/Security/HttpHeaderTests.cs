using System.Globalization;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>The headers and bodies that the security of browsers and caches depends on.</summary>
public sealed class HttpHeaderTests(UsersServer server, DefaultServer open) : IClassFixture<UsersServer>, IClassFixture<DefaultServer>
{
    [Theory]
    [InlineData("/v1/keys/order:1", true)]
    [InlineData("/v1/nowhere", true)]
    [InlineData("/v1/keys/%zz", true)]
    [InlineData("/nowhere", false)]
    [InlineData("/health/live", false)]
    [InlineData("/metrics", false)]
    [InlineData("/swagger/index.html", false)]
    [InlineData("/swagger/v1/swagger.json", false)]
    public async Task EveryResponse_HasTheHeadersForBrowsers(string target, bool isNotStored)
    {
        foreach (RawResponse response in (RawResponse[])
            [
                await server.CallAsync("root", "GET", target), await server.CallAsync("", "GET", target),
                await open.Process.CallAsync("GET", target),
            ])
        {
            Assert.Equal("nosniff", response.Headers["X-Content-Type-Options"]);
            Assert.Contains("default-src 'none'", response.Headers["Content-Security-Policy"], StringComparison.Ordinal);
            Assert.Contains("frame-ancestors 'none'", response.Headers["Content-Security-Policy"], StringComparison.Ordinal);
            Assert.DoesNotContain("script-src 'unsafe-inline'", response.Headers["Content-Security-Policy"], StringComparison.Ordinal);
            if (isNotStored) Assert.Equal("no-store", response.Headers["Cache-Control"]);
        }
    }

    [Fact]
    public async Task Key_WithItsVersionInIfNoneMatch_IsNotModified()
    {
        RawResponse value = await server.CallAsync("reader", "GET", "/v1/keys/order:1");
        RawResponse same = await server.CallAsync("reader", "GET", "/v1/keys/order:1", null, $"If-None-Match: {value.ETag}");
        Assert.Equal((304, "", value.ETag), (same.Status, same.Text, same.ETag));
    }

    [Fact]
    public async Task Health_WithUsers_IsTheStatusOnly()
    {
        foreach (string target in (string[])["/health/live", "/health/ready"])
        {
            RawResponse response = await server.CallAsync("", "GET", target);
            Assert.Equal((200, "Healthy"), (response.Status, response.Text));
        }
    }

    [Fact]
    public async Task Health_AskedOften_DialsTheWireOnceASecond()
    {
        for (int i = 0; i < 50; i++) Assert.Equal(200, (await server.CallAsync("", "GET", "/health/ready")).Status);

        // The number depends on the time that the requests took, but each would have made a connection of its own.
        double accepted = 0;
        await Wait.UntilAsync(
            async () => await AcceptedAsync() is { Length: > 0 } line && (accepted = double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture)) > 0,
            () => "the metrics count no connection");
        Assert.InRange(accepted, 1, 45);
    }

    private async Task<string> AcceptedAsync()
    {
        RawResponse metrics = await server.CallAsync("ops", "GET", "/metrics");
        return metrics.Text.Split('\n')
            .SingleOrDefault(line => line.StartsWith("kestrelkv_wire_connections_accepted_total", StringComparison.Ordinal)) ?? "";
    }

    [Fact]
    public async Task Auth_WithoutUsers_IsAnUnknownFunctionAsOnTheWire()
    {
        const string Auth = "{\"func\": \"AUTH\", \"params\": {\"user\": \"a\", \"secret\": \"b\"}}";
        RawResponse response = await open.Process.CallAsync("POST", "/v1/call", Auth);
        Assert.Equal((200, Frames.UnknownReply("AUTH")), (response.Status, response.Text));
    }

    [Fact]
    public async Task Requests_WithoutUsers_AreServedWhateverTheyAuthorize()
    {
        foreach (string header in (string[])["Authorization: Bearer wrong", "Authorization: Basic x", "Sec-Fetch-Site: cross-site"])
            Assert.Equal(200, (await open.Process.CallAsync("GET", "/v1/keys", null, header)).Status);
        RawResponse description = await open.Process.CallAsync("GET", "/swagger/v1/swagger.json");
        Assert.DoesNotContain("securitySchemes", description.Text, StringComparison.Ordinal);
    }
}
