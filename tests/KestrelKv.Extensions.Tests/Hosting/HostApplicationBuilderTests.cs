using KestrelKv.Client;
using KestrelKv.Client.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.Hosting;

/// <summary>Clients that are registered by the name of their connection.</summary>
public sealed class HostApplicationBuilderTests
{
    [Fact]
    public void AddKestrelKvClient_SectionsAndConnectionString_TakePrecedenceInOrder()
    {
        HostApplicationBuilder builder = CreateBuilder(
            ("KestrelKv:Client:ConnectionString", "Host=common;Timeout=3"), ("KestrelKv:Client:CallsMax", "100"),
            ("KestrelKv:Client:orders:CallsMax", "200"), ("KestrelKv:Client:orders:User", "app"),
            ("ConnectionStrings:orders", "Host=db;Secret=s;CallsMax=1;KeyBytesMax=99"));
        builder.AddKestrelKvClient("orders", configureOptions: options => options.FailFast = true);
        using IHost host = builder.Build();
        KestrelKvClientOptions options = host.Services.GetRequiredService<IOptions<KestrelKvClientOptions>>().Value;
        Assert.Equal(("db", "app", "s", 200, 99, true), (options.Host, options.User, options.Secret, options.CallsMax, options.KeyBytesMax, options.FailFast));
        Assert.Equal(TimeSpan.FromSeconds(10), options.Timeout);
    }

    [Fact]
    public async Task AddKestrelKvClient_NoServer_DoesNotStart()
    {
        HostApplicationBuilder builder = CreateBuilder(("KestrelKv:Client:orders:Timeout", "3"));
        builder.AddKestrelKvClient("orders");
        using IHost host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Equal(
            "The KestrelKv client \"orders\" has no server. Set ConnectionStrings:orders, KestrelKv:Client:orders:ConnectionString or KestrelKv:Client:orders:Host.",
            error.Message);
    }

    [Theory]
    [InlineData("KestrelKv:Client:DisableTracing", "maybe", "The setting KestrelKv:Client:DisableTracing is invalid: the value is \"maybe\", expected true or false.")]
    [InlineData("KestrelKv:Client:orders:HealthCheckTimeout", "0", "The setting KestrelKv:Client:orders:HealthCheckTimeout is invalid: the value is \"0\"")]
    public void AddKestrelKvClient_InvalidSetting_IsNamed(string name, string value, string message)
    {
        HostApplicationBuilder builder = CreateBuilder((name, value));
        var error = Assert.Throws<OptionsValidationException>(() => builder.AddKestrelKvClient("orders"));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddKeyedKestrelKvClient_TwoNames_HaveTheirOwnClientsAndHealthChecks()
    {
        await using InMemoryServer one = new(), two = new();
        HostApplicationBuilder builder = CreateBuilder(("ConnectionStrings:one", "Host=one"), ("ConnectionStrings:two", "Host=two"));
        builder.AddKeyedKestrelKvClient("one", configureOptions: options => options.ConnectCallback = one.ConnectAsync);
        builder.AddKeyedKestrelKvClient("two", configureOptions: options => options.ConnectCallback = two.ConnectAsync);
        using IHost host = builder.Build();
        await host.StartAsync();
        await host.Services.GetRequiredKeyedService<KestrelKvClient>("one").PutAsync("a", 1);
        Assert.False((await host.Services.GetRequiredKeyedService<KestrelKvClient>("two").GetAsync<int>("a")).Found);
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["KestrelKv_one", "KestrelKv_two"], report.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(HealthStatus.Healthy, report.Status);
        await host.StopAsync();
    }

    [Fact]
    public async Task AddKestrelKvClient_Twice_RegistersOneHealthCheck()
    {
        await using var server = new InMemoryServer();
        HostApplicationBuilder builder = CreateBuilder(("ConnectionStrings:kv", "Host=db"));
        builder.AddKestrelKvClient("kv");
        builder.AddKestrelKvClient("kv", configureOptions: options => options.ConnectCallback = server.ConnectAsync);
        using IHost host = builder.Build();
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["KestrelKv"], report.Entries.Keys);
        Assert.Equal(HealthStatus.Healthy, report.Status);
    }

    [Fact]
    public void AddKestrelKvClient_HealthChecksDisabled_RegistersNone()
    {
        HostApplicationBuilder builder = CreateBuilder(("ConnectionStrings:orders", "Host=db"), ("KestrelKv:Client:DisableHealthChecks", "true"));
        builder.AddKestrelKvClient("orders");
        using IHost host = builder.Build();
        Assert.Null(host.Services.GetService<HealthCheckService>());
    }

    [Fact]
    public void AddKestrelKvClient_ConfigureSettings_SeesTheSettings()
    {
        HostApplicationBuilder builder = CreateBuilder(("ConnectionStrings:orders", "Host=db"), ("KestrelKv:Client:HealthCheckTimeout", "1.5"));
        string? read = null;
        TimeSpan timeout = default;
        builder.AddKestrelKvClient("orders", settings =>
        {
            (read, timeout) = (settings.ConnectionString, settings.HealthCheckTimeout);
            settings.ConnectionString = "Host=other";
        });
        using IHost host = builder.Build();
        Assert.Equal(("Host=db", TimeSpan.FromSeconds(1.5)), (read, timeout));
        Assert.Equal("other", host.Services.GetRequiredService<IOptions<KestrelKvClientOptions>>().Value.Host);
    }

    private static HostApplicationBuilder CreateBuilder(params (string Name, string Value)[] settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddConfiguration(ServiceCollectionTests.Configuration(settings));
        return builder;
    }
}
