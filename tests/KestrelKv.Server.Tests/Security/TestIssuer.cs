using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace KestrelKv.Server.Tests.Security;

/// <summary>An OpenID provider on a port of this machine: its metadata, its keys and its tokens.</summary>
internal sealed class TestIssuer : IDisposable
{
    public const string Audience = "kestrelkv";

    private readonly HttpListener _listener = new();
    private volatile Key _key = new("first");

    public TestIssuer()
    {
        Url = $"http://127.0.0.1:{FreePort.Find()}/";
        _listener.Prefixes.Add(Url);
        _listener.Start();
        _ = ServeAsync();
    }

    public string Url { get; }

    /// <summary>The public key as the text that an attacker could use as the secret of HS256.</summary>
    public byte[] PublicKey => _key.Rsa.ExportSubjectPublicKeyInfo();

    /// <summary>Replaces the key. Tokens signed with the earlier one are no longer valid.</summary>
    public void Rotate() => _key = new("second");

    /// <summary>Returns a token.</summary>
    public string Token(
        string[] roles, string? audience = Audience, string? issuer = null, TimeSpan? lifetime = null, string? subject = "alice",
        SigningCredentials? credentials = null)
    {
        var claims = new Dictionary<string, object> { ["roles"] = roles };
        if (subject is not null) claims["sub"] = subject;
        DateTime now = DateTime.UtcNow;
        DateTime expires = now + (lifetime ?? TimeSpan.FromHours(1));
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Url,
            Audience = audience,
            Claims = claims,
            NotBefore = expires < now ? expires.AddMinutes(-1) : now,
            Expires = expires,
            SigningCredentials = credentials ?? _key.Credentials,
        });
    }

    /// <summary>Returns the token without its signature, with another header.</summary>
    public string Unsigned(string header, string[] roles) =>
        $"{Base64UrlEncoder.Encode(header)}.{Token(roles).Split('.')[1]}.";

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The issuer is disposed.
                return;
            }
            object body = context.Request.Url!.AbsolutePath == "/keys"
                ? new { keys = new[] { _key.Jwk() } }
                : new { issuer = Url, jwks_uri = Url + "keys" };
            byte[] json = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(body));
            await context.Response.OutputStream.WriteAsync(json);
            context.Response.Close();
        }
    }

    private sealed class Key(string id)
    {
        public RSA Rsa { get; } = RSA.Create(2048);

        public SigningCredentials Credentials => new(new RsaSecurityKey(Rsa) { KeyId = id }, SecurityAlgorithms.RsaSha256);

        public object Jwk()
        {
            RSAParameters key = Rsa.ExportParameters(includePrivateParameters: false);
            return new
            {
                kty = "RSA", use = "sig", kid = id, alg = "RS256",
                n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent),
            };
        }
    }
}
