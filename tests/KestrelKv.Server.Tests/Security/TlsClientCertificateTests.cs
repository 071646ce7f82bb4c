using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Client certificates, on both ports.</summary>
public sealed class TlsClientCertificateTests : IDisposable
{
    private const string Ping = """{"func": "PING", "params": {}}""";
    private const string ServerUsage = "1.3.6.1.5.5.7.3.1";

    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _foreign = new();

    public void Dispose()
    {
        _authority.Dispose();
        _foreign.Dispose();
    }

    [Theory]
    [InlineData("Require", "valid", true)]
    [InlineData("Require", "none", false)]
    [InlineData("Require", "expired", false)]
    [InlineData("Require", "foreign", false)]
    [InlineData("Require", "server", false)]
    [InlineData("Allow", "valid", true)]
    [InlineData("Allow", "none", true)]
    [InlineData("Allow", "expired", false)]
    [InlineData("Allow", "foreign", false)]
    [InlineData("None", "foreign", true)]
    public async Task Client_WithCertificate_IsAcceptedIfItIsValid(string mode, string kind, bool isAccepted)
    {
        await using ServerProcess server = await StartAsync(mode);
        using X509Certificate2? certificate = kind switch
        {
            "valid" => _authority.Issue("app", TestAuthority.ClientUsage),
            "expired" => _authority.Issue("app", TestAuthority.ClientUsage, days: -1, fromDays: -9),
            "foreign" => _foreign.Issue("app", TestAuthority.ClientUsage),
            "server" => _authority.Issue("app", ServerUsage),
            _ => null,
        };
        Assert.Equal(isAccepted, await IsServedAsync(server, certificate));

        using var handler = new SocketsHttpHandler { SslOptions = _authority.Client(certificate) };
        using var http = new HttpClient(handler);
        Uri ready = new(server.Admin, "health/ready");
        if (isAccepted) Assert.Equal("Healthy", await http.GetStringAsync(ready));
        else await Assert.ThrowsAnyAsync<HttpRequestException>(() => http.GetAsync(ready));
    }

    [Fact]
    public async Task Client_WithCertificateOfAUser_NeedsNoSecret()
    {
        using X509Certificate2 certificate = _authority.Issue("anything", TestAuthority.ClientUsage);
        using var users = new TestUsersFile($$$$"""
            {"version": 1,
             "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write"]}]}},
             "users": {"app": {"roles": ["all"], "certificates": ["sha256:{{{{certificate.GetCertHashString(HashAlgorithmName.SHA256)}}}}"]}}}
            """);
        await using ServerProcess server = await StartAsync("Allow", users.Setting);
        using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client(certificate));
        Assert.Equal(Frames.PutReply("k"), await client.CallAsync(Frames.Put("k", "1")));
        using WireClient other = await WireClient.ConnectAsync(server.TlsPort, _authority.Client());
        Assert.Equal("auth_required", Frames.ErrorCode(await other.CallAsync(Frames.Get("k"))));

        // Names in certificates have no meaning.
        foreach (string name in (string[])["app", "app\0.example", "anything"])
        {
            using X509Certificate2 named = _authority.Issue(name, TestAuthority.ClientUsage);
            using WireClient impostor = await WireClient.ConnectAsync(server.TlsPort, _authority.Client(named));
            Assert.Equal("auth_required", Frames.ErrorCode(await impostor.CallAsync(Frames.Get("k"))));
        }

        Uri key = new(server.Admin, "v1/keys/k");
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = _authority.Client(certificate) });
        Assert.Equal("1", await http.GetStringAsync(key));
        using var otherHttp = new HttpClient(new SocketsHttpHandler { SslOptions = _authority.Client() });
        using HttpResponseMessage response = await otherHttp.GetAsync(key);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    private Task<ServerProcess> StartAsync(string mode, params string[] settings)
    {
        string file = _authority.IssueServer();
        return ServerProcess.StartAsync([.. settings, .. new[] { "Wire", "Admin" }.SelectMany(section => new[]
        {
            $"{section}:Tls:Certificate={file}", $"{section}:Tls:ClientCertificates={mode}",
            $"{section}:Tls:ClientAuthority={_authority.RootFile}",
        })]);
    }

    private async Task<bool> IsServedAsync(ServerProcess server, X509Certificate2? certificate)
    {
        try
        {
            // With TLS 1.3, the client learns of a refusal after its handshake.
            using WireClient client = await WireClient.ConnectAsync(server.TlsPort, _authority.Client(certificate));
            return (await client.CallAsync(Ping)).Contains("pong", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return false;
        }
    }
}
