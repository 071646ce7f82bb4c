using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The command <c>KestrelKv.Server health</c>: asks the running server with the same settings whether it is ready. Containers
/// use it, because their image contains no other HTTP client.
/// </summary>
internal static class HealthProbe
{
    /// <summary>Exceeds the longest duration of /health/ready.</summary>
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(8);

    /// <returns>The exit code: 0 for ready, 1 for not.</returns>
    public static async Task<int> RunAsync(ServerSettings settings)
    {
        TlsOptions tls = settings.Admin.Tls;
        string host = ListenAddress.ToDial(ListenAddress.Parse(settings.Admin.Address)[0]).ToString();
        var ready = new UriBuilder(tls.IsOn ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, host, settings.Admin.Port, "/health/ready").Uri;
        try
        {
            var handler = new SocketsHttpHandler { UseProxy = false };
            if (tls.IsOn) handler.SslOptions = TlsSetup.LoadAdmin(settings).Current.ToSelf();
            using var client = new HttpClient(handler) { Timeout = RequestTimeout };
            using HttpResponseMessage response = await client.GetAsync(ready);
            string body = await response.Content.ReadAsStringAsync();
            await Console.Out.WriteLineAsync($"{ready}: {(int)response.StatusCode} {body}");
            return response.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // No server listens, or it does not reply in time.
            await Console.Error.WriteLineAsync($"{ready}: {e.Message}");
            return 1;
        }
    }
}
