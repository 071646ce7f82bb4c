using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Backup;

/// <summary>Creates HTTP clients of the session's server, with its user and its certificates.</summary>
internal static class AdminHttp
{
    private const int PortDefault = 8080;

    /// <summary>Creates a client without a deadline. The caller disposes of it.</summary>
    /// <exception cref="CommandFailure">The address is invalid.</exception>
    public static async Task<HttpClient> CreateAsync(Session session, CancellationToken stop)
    {
        KestrelKvClientOptions options = session.ClientOptions;
        var handler = new SocketsHttpHandler { ConnectTimeout = options.ConnectTimeout, SslOptions = CreateTls(options), AllowAutoRedirect = false };
        var http = new HttpClient(handler) { BaseAddress = AddressOf(session), Timeout = Timeout.InfiniteTimeSpan };
        string? secret = options.SecretProvider is { } provider ? await provider(stop) : options.Secret;
        if (options.User is not null && secret is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        return http;
    }

    /// <summary>Returns the HTTP address: the given one, or port 8080 of the server.</summary>
    public static Uri AddressOf(Session session)
    {
        KestrelKvClientOptions options = session.ClientOptions;
        string text = session.Http ?? new UriBuilder(options.Tls ? "https" : "http", options.Host, PortDefault).ToString();
        if (!text.Contains("://", StringComparison.Ordinal)) text = $"http://{text}";
        if (!text.EndsWith('/')) text += "/";
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address
            : throw CommandFailure.Usage($"The HTTP address is {text}, expected an address such as http://localhost:8080");
    }

    private static SslClientAuthenticationOptions CreateTls(KestrelKvClientOptions options)
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.TlsAuthority is { } authority)
        {
            tls.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
        }
        if (options.TlsCertificate is { } certificate)
        {
            tls.ClientCertificateContext =
                SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificate, options.TlsKey ?? certificate), null);
        }
        options.ConfigureTls?.Invoke(tls);
        return tls;
    }
}
