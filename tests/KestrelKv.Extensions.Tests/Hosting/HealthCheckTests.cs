using KestrelKv.Client.Testing;
using KestrelKv.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace KestrelKv.Extensions.Tests.Hosting;

public sealed class HealthCheckTests
{
    [Fact]
    public async Task Check_ServerAnswers_IsHealthy()
    {
        await using var server = new InMemoryServer();
        HealthReportEntry entry = await CheckAsync(server, null, null);
        Assert.Equal(HealthStatus.Healthy, entry.Status);
        Assert.True((double)entry.Data["round_trip_ms"] >= 0);
        Assert.Equal(["db"], entry.Tags);
    }

    [Theory]
    [InlineData(null, HealthStatus.Unhealthy)]
    [InlineData(HealthStatus.Degraded, HealthStatus.Degraded)]
    public async Task Check_ServerAway_HasTheRegisteredStatusAndNoSecret(HealthStatus? registered, HealthStatus expected)
    {
        await using var server = new InMemoryServer { AcceptsConnections = false };
        HealthReportEntry entry = await CheckAsync(server, registered, TimeSpan.FromMilliseconds(100));
        Assert.Equal(expected, entry.Status);
        Assert.Equal("The server did not answer a PING within 0.1 seconds.", entry.Description);
        Assert.NotNull(entry.Exception);
        Canary.AssertAbsent($"{entry.Exception} {string.Join(' ', entry.Data)}", "the health check");
    }

    private static async Task<HealthReportEntry> CheckAsync(InMemoryServer server, HealthStatus? failureStatus, TimeSpan? timeout)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKestrelKvClient(options =>
        {
            options.ConnectCallback = server.ConnectAsync;

            // With a secret, connections fail: the server in memory has no users.
            if (!server.AcceptsConnections) (options.User, options.Secret) = ("app", $"kkv_{Canary.Value}");
        });
        services.AddHealthChecks().AddKestrelKvHealthCheck("kv", failureStatus, ["db"], timeout);
        await using ServiceProvider provider = services.BuildServiceProvider();
        HealthReport report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return report.Entries["kv"];
    }
}
