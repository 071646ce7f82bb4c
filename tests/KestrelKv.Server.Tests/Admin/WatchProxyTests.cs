using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Event streams behind nginx with its default settings: HTTP/1.0 to the server, buffered responses.</summary>
public sealed class WatchProxyTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Fact]
    public async Task Watch_BehindNginx_ReceivesEachEventAtOnce()
    {
        using var folder = new DataDirectory();
        int port = FreePort.Find();
        await File.WriteAllTextAsync(folder.PathTo("nginx.conf"), Config(folder.FullPath, port, server.Process.Admin));
        using Process nginx = Process.Start("nginx", ["-c", folder.PathTo("nginx.conf"), "-e", "stderr"]);
        try
        {
            using EventReader events = await OpenAsync(
                new UriBuilder("http", "127.0.0.1", port, "/v1/watch", "?prefix=proxied&bookmark_interval=3600").Uri);
            await events.NextAsync("bookmark");
            await server.Process.CallAsync("PUT", "/v1/keys/proxied", "1");
            Assert.Equal(["put proxied"], (await events.NextAsync("changes")).Changes);
        }
        finally
        {
            nginx.Kill(entireProcessTree: true);
            await nginx.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task Watch_Started_HasHeadersForProxiesAndBrowsers()
    {
        using EventReader events = await EventReader.OpenAsync(server.Process);
        await events.NextAsync("bookmark");

        Assert.Equal("no", events.Response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Equal(TimeSpan.FromSeconds(1), events.Retry);
    }

    /// <summary>Opens a stream after nginx has started.</summary>
    private static async Task<EventReader> OpenAsync(Uri address)
    {
        EventReader? events = null;
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    events = await EventReader.OpenAsync(address);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            () => "nginx did not start");
        return events!;
    }

    private static string Config(string folder, int port, Uri upstream) => string.Create(CultureInfo.InvariantCulture,
        $$"""
        daemon off; pid {{folder}}/pid; error_log stderr; worker_processes 1;
        events { worker_connections 32; }
        http {
            access_log off;
            client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/fastcgi;
            uwsgi_temp_path {{folder}}/uwsgi; scgi_temp_path {{folder}}/scgi;
            server { listen 127.0.0.1:{{port}}; location / { proxy_pass {{upstream}}; proxy_set_header Host localhost; } }
        }
        """);
}
