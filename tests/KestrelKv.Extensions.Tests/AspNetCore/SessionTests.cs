using System.Net;
using KestrelKv.Client;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace KestrelKv.Extensions.Tests.AspNetCore;

public sealed class SessionTests
{
    [Fact]
    public async Task Session_OfOneApplication_ContinuesInTheOther()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var client = new KestrelKvClient($"Host=127.0.0.1;Port={server.WirePort}");
        await using TestApplication first = await StartAsync(client), second = await StartAsync(client);
        using var handler = new HttpClientHandler { CookieContainer = new CookieContainer() };
        using var browser = new HttpClient(handler);

        // Cookies do not depend on the port, so the browser sends the same one to both applications.
        for (int i = 1; i <= 6; i++)
            Assert.Equal($"{i}", await browser.GetStringAsync(new Uri((i % 2 == 0 ? second : first).Address, "count")));
        Assert.Equal(1, await client.CountAsync("sessions:"));
        using var stranger = new HttpClient();
        Assert.Equal("1", await stranger.GetStringAsync(new Uri(second.Address, "count")));
    }

    private static Task<TestApplication> StartAsync(KestrelKvClient client) => TestApplication.StartAsync(
        client,
        services =>
        {
            services.AddKestrelKvDistributedCache(options => options.Prefix = "sessions:");
            services.AddSession(options => options.IdleTimeout = TimeSpan.FromMinutes(20));
            services.AddDataProtection().SetApplicationName("test").PersistKeysToKestrelKv();
        },
        application =>
        {
            application.UseSession();
            application.MapGet("count", (HttpContext http) =>
            {
                int count = (http.Session.GetInt32("count") ?? 0) + 1;
                http.Session.SetInt32("count", count);
                return $"{count}";
            });
        });
}
