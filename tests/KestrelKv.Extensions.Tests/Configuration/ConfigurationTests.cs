using System.Text;
using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Extensions.Tests.Configuration;

public sealed class ConfigurationTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly InMemoryServer _server = new();
    private readonly KestrelKvClient _client;

    public ConfigurationTests() => _client = _server.CreateClient();

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Load_EntriesUnderThePrefix_AreSettings()
    {
        await _client.PutAsync("config/Mail/Port", 25);
        await _client.PutAsync("config/Mail/Tls", true);
        await _client.PutAsync("config/Shop", new { Name = "Kite", Rooms = new[] { "a", "b" } });
        await _client.PutAsync("config/Greeting:Text", "hello");
        await _client.PutAsync("other/Mail/Port", 26);
        using ConfigurationRoot configuration = Build();
        Assert.Equal(
            ["Greeting:Text=hello", "Mail:Port=25", "Mail:Tls=True", "Shop:name=Kite", "Shop:rooms:0=a", "Shop:rooms:1=b"],
            configuration.AsEnumerable().Where(setting => setting.Value is not null).Select(setting => $"{setting.Key}={setting.Value}").Order(StringComparer.Ordinal));
        Assert.Equal("25", configuration["mail:port"]);
    }

    [Theory]
    [InlineData("""{"a": {"b": [1, {"c": "x"}, []], "d": {}}, "e": null, "f": true, "g": false, "h": 1.50, "i": 1e400, "j": "", "k": [], "l": [null]}""")]
    [InlineData("""{"a:b": 1, "A:C": "é", "0": [[1, 2], [3]]}""")]
    [InlineData("{}")]
    public async Task Load_AnyObject_HasTheSettingsOfAJsonFile(string json)
    {
        await _client.PutUtf8Async("config/", Encoding.UTF8.GetBytes(json));
        using ConfigurationRoot configuration = Build();
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        IConfigurationRoot expected = new ConfigurationBuilder().AddJsonStream(stream).Build();
        Assert.Equal(expected.AsEnumerable().OrderBy(setting => setting.Key, StringComparer.Ordinal), configuration.AsEnumerable().OrderBy(setting => setting.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Load_TwoEntriesOfOneSetting_TheLaterKeyWins()
    {
        await _client.PutAsync("config/a/b", 2);
        await _client.PutAsync("config/a", new { b = 1, c = 1 });
        using ConfigurationRoot configuration = Build();
        Assert.Equal(("2", "1"), (configuration["a:b"], configuration["a:c"]));
    }

    [Fact]
    public async Task Reload_Batches_AreSeenWholeByAnOptionsMonitor()
    {
        await _client.PutAsync("config/Pair", new Pair { A = 0, B = 0 });
        using ConfigurationRoot configuration = Build();
        await using ServiceProvider provider = new ServiceCollection().AddOptions().Configure<Pair>(configuration.GetSection("Pair")).BuildServiceProvider();
        var monitor = provider.GetRequiredService<IOptionsMonitor<Pair>>();
        List<Pair> seen = [];
        using IDisposable? registration = monitor.OnChange(pair =>
        {
            lock (seen) seen.Add(pair);
        });
        await _client.DeleteAsync("config/Pair");
        const int Last = 200;
        for (int i = 1; i <= Last; i++)
            await _client.CreateBatch().Put("config/Pair/A", i).Put("config/Pair/B", i).CommitAsync();
        await Wait.UntilAsync(() => monitor.CurrentValue.B == Last, () => $"B is {monitor.CurrentValue.B}");
        lock (seen)
        {
            Assert.All(seen, pair => Assert.Equal(pair.A, pair.B));
            Assert.True(seen.Count > 1);
        }
    }

    [Fact]
    public async Task Reload_ChangesOfEachKind_AreApplied()
    {
        await _client.PutAsync("config/a", 1);
        using ConfigurationRoot configuration = Build();
        int reloads = 0;
        using IDisposable registration = ChangeToken.OnChange(configuration.GetReloadToken, () => Interlocked.Increment(ref reloads));
        await _client.ExpireAsync("config/a", TimeSpan.FromHours(1));
        await _client.PutAsync("config/a", 1);
        await _client.PutAsync("config/b", 2);

        // The expiry and the equal value of a changed no setting.
        await Wait.UntilAsync(() => configuration["b"] == "2" && Volatile.Read(ref reloads) == 1, () => $"{reloads} reloads");
        Assert.Equal("1", configuration["a"]);
        await _client.ExpireAsync("config/b", TimeSpan.FromMilliseconds(1));
        await Wait.UntilAsync(() => configuration["b"] is null && Volatile.Read(ref reloads) == 2, () => $"{reloads} reloads");
        await _client.DeleteAsync("config/a");
        await Wait.UntilAsync(() => configuration["a"] is null && Volatile.Read(ref reloads) == 3, () => $"{reloads} reloads");
    }

    [Fact]
    public async Task Reload_Disconnected_KeepsTheValuesAndContinues()
    {
        await _client.PutAsync("config/a", 1);
        using ConfigurationRoot configuration = Build();
        _server.AcceptsConnections = false;
        _server.DropConnections();
        Assert.Equal("1", configuration["a"]);
        _server.AcceptsConnections = true;
        await _client.PutAsync("config/a", 2);
        await Wait.UntilAsync(() => configuration["a"] == "2", () => "the change is not seen");
    }

    [Fact]
    public async Task ReloadOnChange_False_ReadsOnce()
    {
        await _client.PutAsync("config/a", 1);
        int connections = _server.ConnectionCount;
        using ConfigurationRoot configuration = Build(options =>
        {
            options.ReloadOnChange = false;
            options.Client = null;
            options.ClientOptions = new() { ConnectCallback = _server.ConnectAsync };
        });
        Assert.Equal("1", configuration["a"]);

        // Its own client is disposed of.
        await Wait.UntilAsync(() => _server.ConnectionCount == connections, () => "the connections remain");
    }

    [Fact]
    public void Load_ServerAway_FailsWithTheReason()
    {
        _server.AcceptsConnections = false;
        var error = Assert.Throws<InvalidOperationException>(() => Build(options => options.LoadTimeout = TimeSpan.FromMilliseconds(500)));
        Assert.Contains("The settings with the prefix \"config/\" could not be read from KestrelKv", error.Message, StringComparison.Ordinal);
        Assert.Contains("AcceptsConnections is false", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_OptionalAndServerAway_StartsAndAddsTheSettingsLater()
    {
        await _client.PutAsync("config/a", 1);
        _server.AcceptsConnections = false;
        _server.DropConnections();
        Exception? reported = null;
        using ConfigurationRoot configuration = Build(options =>
        {
            options.LoadTimeout = TimeSpan.FromMilliseconds(200);
            options.Optional = true;
            options.OnError = error => reported = error;
        });
        Assert.Empty(configuration.AsEnumerable());
        Assert.NotNull(reported);
        _server.AcceptsConnections = true;
        await Wait.UntilAsync(() => configuration["a"] == "1", () => "the setting is not added");
    }

    [Fact]
    public async Task Load_InASynchronizationContextThatRunsNothing_DoesNotDeadlock()
    {
        await _client.PutAsync("config/a", 1);
        Task<string?> loading = Task.Factory.StartNew(
            () =>
            {
                SynchronizationContext.SetSynchronizationContext(new BlockedContext());
                using ConfigurationRoot configuration = Build();
                return configuration["a"];
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.Equal("1", await loading.WaitAsync(Wait.Patience));
    }

    [Fact]
    public void AddKestrelKv_InvalidOption_IsNamed()
    {
        var error = Assert.Throws<ArgumentException>(() => new ConfigurationBuilder().AddKestrelKv(options => options.LoadTimeout = TimeSpan.Zero));
        Assert.StartsWith("LoadTimeout is 00:00:00", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddKestrelKv_ConnectionString_ReadsFromTheServer()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{server.WirePort}");
        await client.PutAsync("shop/Name", "Kite");
        using var configuration = (ConfigurationRoot)new ConfigurationBuilder().AddKestrelKv($"kestrelkv://127.0.0.1:{server.WirePort}", "shop/").Build();
        Assert.Equal("Kite", configuration["Name"]);
        await client.PutAsync("shop/Name", "Lark");
        await Wait.UntilAsync(() => configuration["Name"] == "Lark", () => "the change is not seen");
    }

    private ConfigurationRoot Build(Action<KestrelKv.Extensions.Configuration.KestrelKvConfigurationOptions>? configure = null) =>
        (ConfigurationRoot)new ConfigurationBuilder().AddKestrelKv(options =>
        {
            options.Client = _client;
            configure?.Invoke(options);
        }).Build();

    private sealed class Pair
    {
        public int A { get; set; }

        public int B { get; set; }
    }

    /// <summary>Never runs what is posted to it, as a user interface whose thread is blocked.</summary>
    private sealed class BlockedContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }
}
