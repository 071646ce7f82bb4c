using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Top;

/// <summary>Figures of the metrics that the server exposes over HTTP.</summary>
internal sealed class MetricsSource : ITopSource, IDisposable
{
    private readonly HttpClient _http;
    private readonly Uri _address;
    private MetricsPage? _last;
    private long _lastTime;

    /// <exception cref="CommandFailure">The address is invalid.</exception>
    public MetricsSource(Session session)
    {
        KestrelKvClientOptions options = session.ClientOptions;
        _address = new Uri(AddressOf(session.Http, options), "metrics");
        _http = new HttpClient(CreateHandler(options)) { Timeout = options.Timeout };

        // A secret that the wire protects by TLS is not sent in plain text to another machine.
        if (options.Secret is { } secret && (_address.Scheme == Uri.UriSchemeHttps || _address.IsLoopback || !options.Tls))
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
    }

    public async Task<TopSample?> ReadAsync(CancellationToken stop)
    {
        MetricsPage page = new(await GetAsync(stop));
        if (!page.IsComplete) throw new IOException($"{_address} is not the page of metrics of a KestrelKv server");
        (MetricsPage? before, long beforeTime) = (_last, _lastTime);
        (_last, _lastTime) = (page, Stopwatch.GetTimestamp());
        return before is null ? null : page.Since(before, DateTimeOffset.UtcNow, Stopwatch.GetElapsedTime(beforeTime, _lastTime).TotalSeconds);
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> GetAsync(CancellationToken stop)
    {
        try
        {
            using HttpResponseMessage reply = await _http.GetAsync(_address, stop);
            if (reply.IsSuccessStatusCode) return await reply.Content.ReadAsStringAsync(stop);
            throw new IOException($"{_address} replied {(int)reply.StatusCode}, expected 200 (the user needs the right metrics)");
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"{_address}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new IOException($"{_address} did not reply within {_http.Timeout.TotalSeconds} seconds", e);
        }
    }

    private static Uri AddressOf(string? http, KestrelKvClientOptions options)
    {
        string host = options.Host.Contains(':', StringComparison.Ordinal) && options.Host[0] != '[' ? $"[{options.Host}]" : options.Host;
        string text = http ?? $"{(options.Tls ? "https" : "http")}://{host}:8080";
        if (!text.EndsWith('/')) text += "/";
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address
            : throw CommandFailure.Usage($"The HTTP address is {http}, expected a URL such as http://localhost:8080 (--http, KKV_HTTP)");
    }

    private static SocketsHttpHandler CreateHandler(KestrelKvClientOptions options)
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.TlsAuthority is { } authority)
        {
            tls.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
        }
        if (options.TlsCertificate is { } certificate)
            tls.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, options.TlsKey ?? certificate)];
        return new SocketsHttpHandler { SslOptions = tls, AllowAutoRedirect = false };
    }
}
