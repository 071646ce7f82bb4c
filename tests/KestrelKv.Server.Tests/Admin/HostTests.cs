using System.Net;
using System.Text.Json;
using KestrelKv.Server.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>The server refuses pages whose host name resolves to this machine (DNS rebinding), whatever address it listens on.</summary>
public sealed class HostTests
{
    [Theory]
    [InlineData("", "localhost", true)]
    [InlineData("", "LOCALHOST", true)]
    [InlineData("", "", true)]
    [InlineData("", "127.0.0.1", true)]
    [InlineData("", "127.0.0.2", true)]
    [InlineData("", "192.168.1.5", true)]
    [InlineData("", "[::1]", true)]
    [InlineData("", "evil.example", false)]
    [InlineData("", "localhost.evil.example", false)]
    [InlineData("", "127.0.0.1.evil.example", false)]
    [InlineData("", "1", false)]
    [InlineData("kv.example; kv", "KV.example", true)]
    [InlineData("kv.example; kv", "kv", true)]
    [InlineData("kv.example; kv", "kv.example.evil.example", false)]
    [InlineData("kv.example; kv", "a.kv.example", false)]
    [InlineData("*", "evil.example", true)]
    public void Allows_AHost_IfItIsAnAddressOrConfigured(string setting, string host, bool allowed) =>
        Assert.Equal(allowed, new AllowedHosts(new() { AllowedHosts = setting }).Allows(host));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("*")]
    public async Task Request_ForAForeignHost_IsRefused(string address)
    {
        await using ServerProcess server = await ServerProcess.StartAsync([$"Admin:Address={address}", "Admin:AllowedHosts=kv.example"]);
        foreach (string path in (string[])["v1/stats", "swagger/index.html", "metrics", "health/live", "nowhere"])
        {
            using HttpResponseMessage response = await GetAsync(server, path, "evil.example");
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
            using JsonDocument problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            Assert.Equal("host_not_allowed", problem.RootElement.GetProperty("code").GetString());
            Assert.Contains("evil.example", problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
        foreach (string host in (string[])["localhost", "kv.example", "127.0.0.1"])
        {
            using HttpResponseMessage response = await GetAsync(server, "v1/stats", host);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Theory]
    [InlineData("127.0.0.2", "127.0.0.2")]
    [InlineData("::1", "[::1]")]
    [InlineData("::ffff:127.0.0.1", "127.0.0.1")]
    public async Task Server_OnAnyLocalAddress_AnswersAtItsAnnouncedAddressAndToItsHealthCommand(string address, string announced)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            [$"Admin:Address={address}", $"Admin:Port={FreePort.Find()}", $"Wire:Address={address}", $"Wire:Port={FreePort.Find()}"]);
        Assert.Equal(announced, server.Admin.Host);
        using var http = new HttpClient { BaseAddress = server.Admin };
        Assert.Equal("Healthy", await http.GetStringAsync(new Uri("health/ready", UriKind.Relative)));

        (int exitCode, string output) = await ServerProcess.RunToEndAsync(
            ["health"], [$"Admin:Address={address}", $"Admin:Port={server.Admin.Port}"], null);
        Assert.Equal((0, true), (exitCode, output.EndsWith("200 Healthy\n", StringComparison.Ordinal)));
    }

    private static async Task<HttpResponseMessage> GetAsync(ServerProcess server, string path, string host)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{server.Admin.Port}/{path}");
        request.Headers.Host = host;
        return await http.SendAsync(request);
    }
}
