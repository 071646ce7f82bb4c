using KestrelKv.Client;
using KestrelKv.Extensions.Locks;
using KestrelKv.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace KestrelKv.Extensions.Tests.Hosting;

/// <summary>The examples of the package's page. They are in this file too, where they are compiled and run.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Examples_OfThePage_AreThoseOfThisFile() =>
        Examples.AssertAreIn("tests/KestrelKv.Extensions.Tests/Hosting/ReadmeTests.cs", "src/KestrelKv.Extensions/README.md", 7);

    [Fact]
    public async Task Client_Examples_Work()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["ConnectionStrings:kv"] = $"kestrelkv://127.0.0.1:{server.WirePort}";
        IServiceCollection services = builder.Services;

        builder.AddKestrelKvClient("kv");

        services.AddKestrelKvLocks(options => options.Expiry = TimeSpan.FromSeconds(30));

        using IHost host = builder.Build();
        await host.StartAsync();
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, report.Entries["KestrelKv"].Status);

        var locks = host.Services.GetRequiredService<KestrelKvLockProvider>();
        long exported = 0;
        KestrelKvLock exportLock = locks.CreateLock("export");
        await using (KestrelKvLockHandle handle = await exportLock.AcquireAsync(TimeSpan.FromMinutes(1)))
        {
            await ExportAsync(handle.FencingToken, handle.LostToken);
        }
        Assert.True(exported > 0);

        var election = host.Services.GetRequiredService<LeaderElection>();
        using var stopping = new CancellationTokenSource();
        CancellationToken stoppingToken = stopping.Token;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(RunAsync);
        await host.StopAsync();

        async Task RunAsync()
        {
            await election.RunAsync("cleanup", async (leadership, stop) =>
            {
                while (true)
                {
                    await CleanAsync(leadership.FencingToken, stop);
                    await Task.Delay(TimeSpan.FromMinutes(1), stop);
                }
            }, stoppingToken);
        }

        Task ExportAsync(long token, CancellationToken lost)
        {
            Assert.False(lost.IsCancellationRequested);
            exported = token;
            return Task.CompletedTask;
        }

        Task CleanAsync(long token, CancellationToken stop)
        {
            Assert.True(token > exported && !stop.IsCancellationRequested);
            return stopping.CancelAsync();
        }
    }

    [Fact]
    public async Task Services_Examples_Work()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        IConfiguration configuration = ServiceCollectionTests.Configuration(("KestrelKv:Sessions:Host", "sessions.example"));

        services.AddKestrelKvClient("kestrelkvs://app@db.example", options => options.SecretProvider = ReadSecretAsync);
        services.AddKeyedKestrelKvClient("sessions", configuration.GetSection("KestrelKv:Sessions"));

        services.AddHealthChecks().AddKestrelKvHealthCheck(timeout: TimeSpan.FromSeconds(2));
        services.ConfigureOpenTelemetryTracerProvider(tracing => tracing.AddKestrelKvInstrumentation());
        services.ConfigureOpenTelemetryMeterProvider(metrics => metrics.AddKestrelKvInstrumentation());

        await using ServiceProvider provider = services.BuildServiceProvider();
        Assert.NotSame(provider.GetRequiredService<KestrelKvClient>(), provider.GetRequiredKeyedService<KestrelKvClient>("sessions"));
        Assert.NotNull(provider.GetRequiredService<HealthCheckService>());

        static ValueTask<string> ReadSecretAsync(CancellationToken cancellationToken) => new("secret");
    }

    /// <summary>Not called: the port of a test's server is another one. ConfigurationTests has the same call.</summary>
    internal static void AddConfiguration(HostApplicationBuilder builder)
    {
        builder.Configuration.AddKestrelKv("kestrelkv://localhost:4444", "config/shop/");
    }
}
