using System.Security.Cryptography;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;
using Microsoft.IdentityModel.Tokens;

namespace KestrelKv.Server.Tests.Security;

/// <summary>Tokens of an OpenID provider.</summary>
public sealed class HttpTokenTests : IAsyncLifetime, IDisposable
{
    private readonly TestIssuer _issuer = new();
    private OidcServer _server = null!;

    public Task InitializeAsync()
    {
        _server = new OidcServer(_issuer);
        return _server.InitializeAsync();
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    public void Dispose() => _issuer.Dispose();

    [Fact]
    public async Task Token_WithRolesOfTheFile_HasTheirRights()
    {
        string token = _issuer.Token(["read", "no such role"]);
        Assert.Equal(200, (await GetAsync(token)).Status);
        (await GetAsync(token, "/v1/keys/user:1")).AssertProblem(403, "forbidden", "oidc:alice");
        (await GetAsync(token, "/v1/stats")).AssertProblem(403, "forbidden", "oidc:alice");
        Assert.Equal(200, (await GetAsync(_issuer.Token(["ops"]), "/v1/stats")).Status);
        Assert.Equal(200, (await _server.CallAsync("reader", "GET", "/v1/keys/order:1")).Status);
    }

    [Fact]
    public async Task Token_ThatIsNotValid_IsRefused()
    {
        using var foreign = RSA.Create(2048);
        var foreignKey = new SigningCredentials(new RsaSecurityKey(foreign) { KeyId = "first" }, SecurityAlgorithms.RsaSha256);
        var publicKey = new SigningCredentials(
            new SymmetricSecurityKey(_issuer.PublicKey) { KeyId = "first" }, SecurityAlgorithms.HmacSha256);
        string valid = _issuer.Token(["all"]);
        string[] parts = valid.Split('.');
        Dictionary<string, string> tokens = new()
        {
            ["expired"] = _issuer.Token(["all"], lifetime: TimeSpan.FromMinutes(-2)),
            ["another audience"] = _issuer.Token(["all"], audience: "another"),
            ["no audience"] = _issuer.Token(["all"], audience: null),
            ["another issuer"] = _issuer.Token(["all"], issuer: "http://127.0.0.1:1/"),
            ["another key"] = _issuer.Token(["all"], credentials: foreignKey),
            ["public key as secret"] = _issuer.Token(["all"], credentials: publicKey),
            ["algorithm none"] = _issuer.Unsigned("{\"alg\":\"none\",\"typ\":\"JWT\"}", ["all"]),
            ["algorithm None"] = _issuer.Unsigned("{\"alg\":\"None\",\"typ\":\"JWT\",\"kid\":\"first\"}", ["all"]),
            ["no signature"] = _issuer.Unsigned("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"first\"}", ["all"]),
            ["other claims"] = $"{parts[0]}.{_issuer.Token(["all"], subject: "bob").Split('.')[1]}.{parts[2]}",
            ["no subject"] = _issuer.Token(["all"], subject: null),
            ["subject with NUL"] = _issuer.Token(["all"], subject: "alice\0"),
            ["not a token"] = "header.payload.signature",
            ["empty parts"] = "..",
        };
        Assert.Equal(200, (await GetAsync(valid)).Status);
        foreach ((string name, string token) in tokens)
        {
            RawResponse response = await GetAsync(token);
            Assert.True(response.Status == 401, $"{name}: {response.Status} {response.Text}");
            response.AssertProblem(401, "auth_failed");
            Assert.Equal("Bearer", response.Headers["WWW-Authenticate"]);
        }
        foreach (string token in tokens.Values) Assert.DoesNotContain(token, _server.Process.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_WithoutARoleOfTheFile_IsForbiddenEverything()
    {
        (await GetAsync(_issuer.Token(["no such role"]))).AssertProblem(403, "forbidden", "Admin:Oidc:RolesClaim");
        (await GetAsync(_issuer.Token([]))).AssertProblem(403, "forbidden");
    }

    [Fact]
    public async Task Token_OfARotatedKey_IsAcceptedOnceTheKeyIsRead()
    {
        string before = _issuer.Token(["read"]);
        Assert.Equal(200, (await GetAsync(before)).Status);
        _issuer.Rotate();
        string after = _issuer.Token(["read"]);
        await Wait.UntilAsync(async () => (await GetAsync(after)).Status == 200, () => "the new key is never read");
        (await GetAsync(before)).AssertProblem(401, "auth_failed");
    }

    [Fact]
    public async Task Token_IfTheProviderDoesNotRespond_IsRefusedAndSecretsAreServed()
    {
        string token = _issuer.Token(["read"]);
        _issuer.Dispose();
        (await GetAsync(token)).AssertProblem(401, "auth_failed", "Admin:Oidc:Authority");
        Assert.Equal(200, (await _server.CallAsync("reader", "GET", "/v1/keys/order:1")).Status);
    }

    [Fact]
    public async Task EventStream_OfATokenThatExpires_Ends()
    {
        string token = _issuer.Token(["watch"], lifetime: TimeSpan.FromSeconds(10));
        using EventReader stream = await EventReader.OpenAsync(
            new Uri(_server.Process.Admin, "v1/watch?prefix=order:"), authorization: $"Bearer {token}");
        await stream.NextAsync("bookmark");
        Assert.Equal("auth_revoked", await stream.NextErrorAsync());
    }

    private Task<RawResponse> GetAsync(string token, string target = "/v1/keys/order:1") =>
        _server.Process.CallAsync("GET", target, null, $"Authorization: Bearer {token}");

    private sealed class OidcServer(TestIssuer issuer) : UsersServer
    {
        protected override IEnumerable<string> Settings =>
            [$"Admin:Oidc:Authority={issuer.Url}", $"Admin:Oidc:Audience={TestIssuer.Audience}", "Admin:Oidc:RequireHttps=false"];
    }
}
