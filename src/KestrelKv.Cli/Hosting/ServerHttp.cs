using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Client;

namespace KestrelKv.Cli.Hosting;

/// <summary>Creates HTTP clients of the session's server, with its secret and its certificates.</summary>
internal static class ServerHttp
{
    private const int PortDefault = 8080;

    /// <summary>Creates a client, which the caller disposes of.</summary>
    /// <param name="session">The session.</param>
    /// <param name="timeout">The deadline of a request; <see cref="Timeout.InfiniteTimeSpan"/> for none.</param>
    /// <exception cref="CommandFailure">The address is invalid.</exception>
    public static HttpClient Create(Session session, TimeSpan timeout)
    {
        KestrelKvClientOptions options = session.ClientOptions;
        Uri address = AddressOf(session.Http, options);
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            SslOptions = CreateTls(options),
            AllowAutoRedirect = false,
            UseProxy = !address.IsLoopback, // A proxy is another machine.
        };
        var http = new HttpClient(handler) { BaseAddress = address, Timeout = timeout };

        // A secret that the wire protects by TLS is not sent in plain text to another machine.
        if (options.Secret is { } secret && (address.Scheme == Uri.UriSchemeHttps || address.IsLoopback || !options.Tls))
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        return http;
    }

    private static Uri AddressOf(string? http, KestrelKvClientOptions options)
    {
        string host = options.Host.Contains(':', StringComparison.Ordinal) && options.Host[0] != '[' ? $"[{options.Host}]" : options.Host;
        string text = http ?? $"{host}:{PortDefault}";
        if (!text.Contains("://", StringComparison.Ordinal)) text = $"{(options.Tls ? "https" : "http")}://{text}";
        if (!text.EndsWith('/')) text += "/";
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address
            : throw CommandFailure.Usage($"The HTTP address is {text}, expected a URL such as http://localhost:8080 (--http, KKV_HTTP)");
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
        return tls;
    }
}
