using System.Text;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Credentials over HTTP, other than tokens of an OpenID provider.</summary>
public sealed class HttpCredentialsTests(UsersServer server) : IClassFixture<UsersServer>
{
    private static string Basic(string user, string secret) =>
        $"Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secret}"))}";

    [Fact]
    public async Task Basic_ByDefault_IsRefusedAndNeverAskedFor()
    {
        RawResponse response = await server.Process.CallAsync(
            "GET", "/v1/keys/order:1", null, Basic("reader", UsersServer.Secrets["reader"]));
        response.AssertProblem(401, "auth_failed", "Admin:BasicAuthentication");
        Assert.Equal("Bearer", response.Headers["WWW-Authenticate"]);
    }

    [Fact]
    public async Task Basic_IfSwitchedOn_NeedsUserAndSecret()
    {
        await using ServerProcess basic = await ServerProcess.StartAsync([server.Users.Setting, "Admin:BasicAuthentication=true"]);
        string secret = UsersServer.Secrets["reader"];
        Assert.Equal(404, (await basic.CallAsync("GET", "/v1/keys/order:9", null, Basic("reader", secret))).Status);
        Assert.Equal(404, (await basic.CallAsync("GET", "/v1/keys/order:9", null, $"Authorization: bearer {secret}")).Status);
        foreach (string wrong in (string[])
            [
                Basic("writer", secret), Basic("reader", ""), Basic("", secret), Basic("reader:", secret),
                Basic("reader", UsersServer.Secrets["writer"]),
                "Authorization: Basic !!!", "Authorization: Basic ", $"Authorization: Basic {secret}",
            ])
        {
            RawResponse response = await basic.CallAsync("GET", "/v1/keys/order:9", null, wrong);
            response.AssertProblem(401, "auth_failed");

            // Browsers ask for a password only if the response names the scheme Basic.
            Assert.Equal("Bearer", response.Headers["WWW-Authenticate"]);
        }
    }

    [Theory]
    [InlineData("Authorization: {0}")]
    [InlineData("Authorization: Bearer{0}")]
    [InlineData("Authorization: Bearer {0} {0}")]
    [InlineData("Authorization: Bearer {0}, Bearer {0}")]
    [InlineData("Authorization: Bearer \"{0}\"")]
    [InlineData("Authorization: Token {0}")]
    [InlineData("Authorization: Bearer {0}\r\nAuthorization: Bearer {0}")]
    public async Task Header_ThatIsMalformed_IsRefusedWithoutQuotingTheSecret(string header)
    {
        string secret = UsersServer.Secrets["reader"];
        string sent = header.Replace("{0}", secret, StringComparison.Ordinal);
        RawResponse response = await server.Process.CallAsync("GET", "/v1/keys/order:1", null, sent.Split("\r\n"));
        response.AssertProblem(401, "auth_failed");
        Assert.DoesNotContain(secret, response.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, server.Process.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?access_token={0}")]
    [InlineData("?token={0}")]
    public async Task Secret_InTheUrl_IsNotAccepted(string query) => (await server.Process.CallAsync(
        "GET", "/v1/keys/order:1" + query.Replace("{0}", UsersServer.Secrets["reader"], StringComparison.Ordinal)))
        .AssertProblem(401, "auth_required");

    /// <summary>The length of the body exceeds the limit, and the body never arrives.</summary>
    [Fact]
    public async Task Body_OfAClientWithoutCredentials_IsNotAwaited()
    {
        foreach (string header in (string[])["X: y", "Authorization: Bearer wrong"])
        {
            using WireClient http = await WireClient.ConnectAsync(server.Process.Admin.Port);
            await http.SendAsync(Encoding.ASCII.GetBytes(
                $"PUT /v1/keys/order:1 HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: 16000000\r\n\r\n1"));
            string response = Encoding.UTF8.GetString(await http.ReceiveToEndAsync());
            Assert.StartsWith("HTTP/1.1 401 ", response, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ForgedAddress_OfAnAnonymousNetwork_IsIgnored()
    {
        await using var forged = new ForgedServer();
        await forged.InitializeAsync();
        foreach (string header in (string[])["X-Forwarded-For: 10.1.2.3", "Forwarded: for=10.1.2.3", "X-Real-IP: 10.1.2.3"])
            (await forged.CallAsync("", "GET", "/v1/keys/order:1", null, header)).AssertProblem(401, "auth_required");
    }

    [NetworkNamespaceFact]
    public async Task Secret_FromAnotherMachineWithoutTls_IsRefused()
    {
        await using var open = new ForgedServer { Address = "0.0.0.0" };
        await open.InitializeAsync();
        await using NetworkNamespace other = await NetworkNamespace.CreateAsync();
        string url = $"http://{other.OwnAddress}:{open.Process.Admin.Port}/v1/keys/order:1";
        foreach (string secret in (string[])[UsersServer.Secrets["reader"], "header.payload.signature"])
        {
            string refused = await other.RunAsync(
                "curl", "-s", "-H", $"Authorization: Bearer {secret}", "-H", "X-Forwarded-Proto: https", url);
            Assert.Contains("\"tls_required\"", refused, StringComparison.Ordinal);
        }
        Assert.Contains("\"auth_required\"", await other.RunAsync("curl", "-s", url), StringComparison.Ordinal);

        await using ServerProcess plaintext = await ServerProcess.StartAsync(
            [open.Users.Setting, "Admin:Address=*", "Security:AllowPlaintext=true"]);
        Assert.Contains("\"not_found\"", await other.RunAsync(
            "curl", "-s", "-H", $"Authorization: Bearer {UsersServer.Secrets["reader"]}",
            $"http://{other.OwnAddress}:{plaintext.Admin.Port}/v1/keys/order:1"), StringComparison.Ordinal);
    }

    /// <summary>Trusts X-Forwarded-For by the variable of ASP.NET Core, and clients of another network without credentials.</summary>
    private sealed class ForgedServer : UsersServer, IAsyncDisposable
    {
        public string Address { get; init; } = "127.0.0.1";

        protected override string AnonymousFrom => "10.1.0.0/16";

        protected override IEnumerable<string> Settings => [$"Admin:Address={Address}"];

        protected override IReadOnlyDictionary<string, string> Environment { get; } =
            new Dictionary<string, string> { ["ASPNETCORE_FORWARDEDHEADERS_ENABLED"] = "true" };

        async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();
    }
}
