using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Locks;
using KestrelKv.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.Hosting;

public sealed class ServiceCollectionTests
{
    [Fact]
    public async Task AddKestrelKvClient_ConnectionString_ConnectsToTheServer()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using ServiceProvider provider = new ServiceCollection()
            .AddKestrelKvClient($"kestrelkv://127.0.0.1:{server.WirePort}?Timeout=7").BuildServiceProvider();
        var client = provider.GetRequiredService<KestrelKvClient>();
        await client.PutAsync("a", 1);
        Assert.Equal(1, (await client.GetAsync<int>("a")).Value);
        Assert.Equal(TimeSpan.FromSeconds(7), provider.GetRequiredService<IOptions<KestrelKvClientOptions>>().Value.Timeout);
    }

    [Fact]
    public async Task Clients_OfTwoKeys_AreSingletonsOfTheirServers()
    {
        await using InMemoryServer one = new(), two = new(), three = new();
        await using ServiceProvider provider = new ServiceCollection()
            .AddKestrelKvClient(options => options.ConnectCallback = one.ConnectAsync)
            .AddKeyedKestrelKvClient("two", options => options.ConnectCallback = two.ConnectAsync)
            .AddKeyedKestrelKvClient(2, (_, options) => options.ConnectCallback = three.ConnectAsync)
            .BuildServiceProvider();
        var clients = new[]
        {
            provider.GetRequiredService<KestrelKvClient>(), provider.GetRequiredKeyedService<KestrelKvClient>("two"),
            provider.GetRequiredKeyedService<KestrelKvClient>(2),
        };
        for (int i = 0; i < clients.Length; i++) await clients[i].PutAsync("number", i);
        for (int i = 0; i < clients.Length; i++) Assert.Equal(i, (await clients[i].GetAsync<int>("number")).Value);
        await using AsyncServiceScope scope = provider.CreateAsyncScope();
        Assert.Same(clients[0], scope.ServiceProvider.GetRequiredService<KestrelKvClient>());
        Assert.Same(clients[1], scope.ServiceProvider.GetRequiredKeyedService<KestrelKvClient>("two"));
    }

    [Fact]
    public async Task Provider_Disposed_DisposesOfTheClient()
    {
        await using var server = new InMemoryServer();
        KestrelKvClient client;
        await using (ServiceProvider provider = new ServiceCollection().AddKestrelKvClient(o => o.ConnectCallback = server.ConnectAsync).BuildServiceProvider())
        {
            client = provider.GetRequiredService<KestrelKvClient>();
            await client.PingAsync();
        }
        await Assert.ThrowsAsync<NotSentException>(() => client.PingAsync().AsTask());
    }

    [Fact]
    public async Task AddKestrelKvClient_Twice_AddsUpOptions()
    {
        await using ServiceProvider provider = new ServiceCollection()
            .AddKestrelKvClient("Host=db;User=app", options => options.SecretProvider = _ => new("secret"))
            .AddKestrelKvClient(options => options.Timeout = TimeSpan.FromSeconds(3))
            .Configure<KestrelKvClientOptions>(options => options.FailFast = true)
            .BuildServiceProvider();
        KestrelKvClientOptions options = provider.GetRequiredService<IOptions<KestrelKvClientOptions>>().Value;
        Assert.Equal(("db", "app", TimeSpan.FromSeconds(3), true), (options.Host, options.User, options.Timeout, options.FailFast));
        Assert.Single(provider.GetServices<KestrelKvClient>());
    }

    [Theory]
    [InlineData("KestrelKv")]
    [InlineData("ConnectionStrings:kv")]
    public async Task AddKestrelKvClient_Section_SetsOptions(string section)
    {
        IConfiguration configuration = Configuration(
            ("KestrelKv:ConnectionString", "Host=db;User=app;Timeout=3"), ("KestrelKv:Secret", "a;b"), ("KestrelKv:Timeout", "4"),
            ("KestrelKv:Wire:Port", "1"), ("ConnectionStrings:kv", "kestrelkv://app:a%3Bb@db?Timeout=4"));
        await using ServiceProvider provider = new ServiceCollection().AddKestrelKvClient(configuration.GetSection(section)).BuildServiceProvider();
        KestrelKvClientOptions options = provider.GetRequiredService<IOptions<KestrelKvClientOptions>>().Value;
        Assert.Equal(("db", "app", "a;b", TimeSpan.FromSeconds(4)), (options.Host, options.User, options.Secret, options.Timeout));
    }

    [Theory]
    [InlineData("KestrelKv:Timeout", "soon", "The setting KestrelKv:Timeout is invalid: Timeout is \"soon\", expected a number of seconds")]
    [InlineData("KestrelKv:Timout", "5", "The setting KestrelKv:Timout is invalid: \"Timout\" is not the name of an option")]
    [InlineData("KestrelKv:ConnectionString", "Prt=5", "The setting KestrelKv:ConnectionString is invalid: \"Prt\" is not the name of an option")]
    [InlineData("KestrelKv:Port", "70000", "The KestrelKv client (settings KestrelKv) has an invalid option: Port is 70000, expected 1 to 65535.")]
    [InlineData("KestrelKv:Secret", "canary-7f3a", "The KestrelKv client (settings KestrelKv) has an invalid option: A secret is set without User.")]
    public async Task Host_InvalidSetting_DoesNotStart(string name, string value, string message)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddConfiguration(Configuration((name, value)));
        builder.Services.AddKestrelKvClient(builder.Configuration.GetSection("KestrelKv"));
        using IHost host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Canary.AssertAbsent(error.Message, "the error");
    }

    [Fact]
    public async Task AddKestrelKvLocks_KeyedClient_UsesItsServer()
    {
        await using var server = new InMemoryServer();
        await using ServiceProvider provider = new ServiceCollection()
            .AddKeyedKestrelKvClient("locks", options => options.ConnectCallback = server.ConnectAsync)
            .AddKestrelKvLocks(options => (options.Prefix, options.ClientServiceKey) = ("app/locks/", "locks")).BuildServiceProvider();
        await using KestrelKvLockHandle handle = await provider.GetRequiredService<KestrelKvLockProvider>().CreateLock("a").AcquireAsync();
        Assert.True((await provider.GetRequiredKeyedService<KestrelKvClient>("locks").GetAsync<LockHolder>("app/locks/a")).Found);
        Assert.NotNull(provider.GetRequiredService<LeaderElection>());
    }

    [Fact]
    public async Task AddKestrelKvLocks_InvalidOption_DoesNotStart()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddKestrelKvLocks().Configure<KestrelKvLockOptions>(options => options.Expiry = TimeSpan.Zero);
        using IHost host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains("KestrelKvLockOptions.Expiry is 00:00:00", error.Message, StringComparison.Ordinal);
    }

    internal static IConfiguration Configuration(params (string Name, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value))).Build();
}
