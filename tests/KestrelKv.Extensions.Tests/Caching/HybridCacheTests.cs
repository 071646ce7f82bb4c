using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Caching;
using KestrelKv.Extensions.Caching.Invalidation;
using KestrelKv.Testing;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>HybridCache in two processes (service providers) with one server.</summary>
public sealed class HybridCacheTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly InMemoryServer _server = new();
    private readonly List<KestrelKvClient> _clients = [];
    private HybridNode _a = null!;
    private HybridNode _b = null!;

    public async Task InitializeAsync()
    {
        _a = await HybridNode.StartAsync(NewClient());
        _b = await HybridNode.StartAsync(NewClient());
    }

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        foreach (KestrelKvClient client in _clients) await client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Entry_OfOneProcess_IsReadByTheOther()
    {
        await _a.Hybrid.SetAsync("k", "1");
        Assert.Equal("1", await _b.ReadAsync("k"));
        Assert.True(_b.HasLocally("k"));
    }

    [Fact]
    public async Task Set_InOneProcess_EvictsFromTheOther()
    {
        await _a.Hybrid.SetAsync("k", "1");
        Assert.Equal("1", await _b.ReadAsync("k"));
        await _a.Hybrid.SetAsync("k", "2");
        await UntilAsync(async () => await _b.ReadAsync("k") == "2", "B has the old value");
        await _b.Hybrid.SetAsync("k", "3");
        await UntilAsync(async () => await _a.ReadAsync("k") == "3", "A has the old value");
    }

    [Fact]
    public async Task Remove_InOneProcess_EvictsFromTheOther()
    {
        await _a.Hybrid.SetAsync("k", "1");
        Assert.Equal("1", await _b.ReadAsync("k"));
        await _a.Hybrid.RemoveAsync("k");
        await UntilAsync(async () => await _b.ReadAsync("k", "created") == "created", "B has the removed value");
    }

    [Fact]
    public async Task OwnWrites_DoNotEvict()
    {
        for (int i = 0; i < 100; i++) await _a.Hybrid.SetAsync($"own {i}", "1");
        await _a.Hybrid.SetAsync("last", "1");
        await _b.Hybrid.SetAsync("last", "2");

        // Changes are applied in order.
        await UntilAsync(() => Task.FromResult(!_a.HasLocally("last")), "A has not evicted the last key");
        for (int i = 0; i < 100; i++) Assert.True(_a.HasLocally($"own {i}"), $"A has evicted its own entry {i}");
        Assert.Equal(1, _a.Invalidator.Evictions);
    }

    [Fact]
    public async Task RemoveByTag_InOneProcess_InvalidatesInTheOther()
    {
        await _a.Hybrid.SetAsync("k", "1", tags: ["x", "y"]);
        await _a.Hybrid.SetAsync("other", "1", tags: ["z"]);
        Assert.Equal("1", await _b.ReadAsync("k", tags: ["x", "y"]));
        Assert.Equal("1", await _b.ReadAsync("other", tags: ["z"]));
        await _a.Hybrid.RemoveByTagAsync("y");
        long version = (await _clients[0].GetUtf8Async("cache:__MSFT_HCT__y")).Version;
        await UntilAsync(async () => await _b.ReadAsync("k", "created", ["x", "y"]) == "created", "B has the entry with the removed tag");
        Assert.Equal("1", await _b.ReadAsync("other", tags: ["z"]));
        Assert.Equal("created", await _b.ReadAsync("k", tags: ["x", "y"]));

        // B has not written the removal again, which A would take for another one.
        Assert.Equal(version, (await _clients[0].GetUtf8Async("cache:__MSFT_HCT__y")).Version);
    }

    [Fact]
    public async Task RemoveByTag_AllEntries_InvalidatesInTheOther()
    {
        await _a.Hybrid.SetAsync("k", "1");
        Assert.Equal("1", await _b.ReadAsync("k"));
        await _a.Hybrid.RemoveByTagAsync("*");
        await UntilAsync(async () => await _b.ReadAsync("k", "created") == "created", "B has the removed entry");
    }

    [Fact]
    public async Task Expiry_OnTheServer_EvictsLocally()
    {
        await _a.Hybrid.SetAsync("k", "1");
        Assert.Equal("1", await _b.ReadAsync("k"));
        await _clients[0].ExpireAsync("cache:k", Expiry.In(TimeSpan.FromMilliseconds(1)));
        await UntilAsync(() => Task.FromResult(!_b.HasLocally("k") && !_a.HasLocally("k")), "the expired entry is cached locally");
    }

    [Fact]
    public async Task Watch_Interrupted_ContinuesWithoutGap()
    {
        for (int i = 0; i < 5; i++)
        {
            await _a.Hybrid.SetAsync("k", $"{i}");
            await UntilAsync(async () => await _b.ReadAsync("k") == $"{i}", "B has an older value");
            _server.DropConnections();
        }
    }

    [Fact]
    public async Task Gap_InTheHistory_EvictsEverythingAndReadsTags()
    {
        // A server that lost its data: the watch continues at a version that it does not know.
        InMemoryServer server = new();
        await using KestrelKvClient client = new(new KestrelKvClientOptions
        {
            Host = "memory", ConnectCallback = token => Volatile.Read(ref server).ConnectAsync(token),
        });
        await using HybridNode node = await HybridNode.StartAsync(client);
        await node.Hybrid.SetAsync("k", "1");
        await node.Hybrid.SetAsync("t", "1", tags: ["x"]);
        Assert.Equal("1", await node.ReadAsync("t", tags: ["x"]));

        // The watch is now beyond every version of the new server.
        for (int i = 0; i < 10; i++) await node.Hybrid.SetAsync($"{i}", "1");
        node.Memory.Set("marker", "1");
        await client.PutAsync("cache:marker", 1);
        await UntilAsync(() => Task.FromResult(!node.HasLocally("marker")), "the marker is cached locally");
        InMemoryServer lost = Interlocked.Exchange(ref server, new());
        await using (KestrelKvClient other = server.CreateClient())
        {
            var cache = new KestrelKvDistributedCache(other, new(), TimeProvider.System);
            await cache.SetAsync("__MSFT_HCT__x", BitConverter.GetBytes(DateTime.UtcNow.Ticks), new());
        }
        await lost.DisposeAsync();
        await UntilAsync(() => Task.FromResult(!node.HasLocally("k")), "the entry from before the gap is cached locally");
        await UntilAsync(async () => await node.ReadAsync("t", "created", ["x"]) == "created", "the removed tag is valid");
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Disconnected_ForLong_EvictsEverything()
    {
        var time = new TestTime();
        await using HybridNode node = await HybridNode.StartAsync(NewClient(), time: time);
        node.Memory.Set("k", "1");
        _server.AcceptsConnections = false;
        _server.DropConnections();
        for (int second = 0; second < 24; second += 8)
        {
            time.Advance(TimeSpan.FromSeconds(8));
            Assert.True(node.HasLocally("k"));
        }
        await UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(8));
                return Task.FromResult(!node.HasLocally("k"));
            },
            "the local level is not evicted");
        node.Memory.Set("k", "1");
        await UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(8));
                return Task.FromResult(!node.HasLocally("k"));
            },
            "the local level is not evicted again");
        _server.AcceptsConnections = true;
    }

    [Fact]
    public async Task Start_ServerUnreachable_StartsAndEvictsOnceConnected()
    {
        _server.AcceptsConnections = false;
        await using HybridNode node = await HybridNode.StartAsync(NewClient(), options => options.StartTimeout = TimeSpan.FromMilliseconds(10));
        node.Memory.Set("k", "1");
        _server.AcceptsConnections = true;
        await UntilAsync(() => Task.FromResult(!node.HasLocally("k")), "the entry from before the watch is cached locally");
        await _a.Hybrid.SetAsync("k", "2");
        Assert.Equal("2", await node.ReadAsync("k"));
    }

    [Fact]
    public async Task Server_Unreachable_HybridCacheContinuesWithTheFactory()
    {
        await using var server = new InMemoryServer { AcceptsConnections = false };
        await using KestrelKvClient client = server.CreateClient(options => options.Timeout = TimeSpan.FromMilliseconds(100));
        await using HybridNode node = await HybridNode.StartAsync(client, options => options.StartTimeout = TimeSpan.Zero);
        Assert.Equal("created", await node.ReadAsync("k", "created"));
    }

    [Fact]
    public async Task Memory_OfAnotherType_InvalidatesEverything()
    {
        var memory = new OtherMemory();
        await using HybridNode node = await HybridNode.StartAsync(NewClient(), services: services => services.AddSingleton<IMemoryCache>(memory));
        await node.Hybrid.SetAsync("k", "1");
        var local = new LocalCache(node.Hybrid, memory);
        long version = (await _clients[0].InfoAsync()).GetProperty("version").GetInt64();
        await local.EvictAllAsync();
        Assert.Equal(version, (await _clients[0].InfoAsync()).GetProperty("version").GetInt64());
        Assert.Equal("created", await node.ReadAsync("k", "created"));
    }

    [Fact]
    public async Task Keyed_CachesAndClient_AreUsed()
    {
        await using ServiceProvider services = new ServiceCollection()
            .AddKeyedSingleton("kv", NewClient())
            .AddKeyedKestrelKvDistributedCache("l2", options => (options.ClientServiceKey, options.Prefix) = ("kv", "keyed:"))
            .AddKeyedKestrelKvHybridCacheInvalidation("hybrid", options => options.DistributedCacheServiceKey = "l2")
            .AddKeyedHybridCache("hybrid", options => options.DistributedCacheServiceKey = "l2").Services
            .BuildServiceProvider();
        IHostedService invalidator = services.GetServices<IHostedService>().Single();
        await invalidator.StartAsync(default);
        await services.GetRequiredKeyedService<HybridCache>("hybrid").SetAsync("k", "1");
        Assert.True((await _clients[0].GetUtf8Async("keyed:k")).Found);
        Assert.IsAssignableFrom<IBufferDistributedCache>(services.GetRequiredKeyedService<IDistributedCache>("l2"));
        await _clients[0].DeleteAsync("keyed:k");
        await UntilAsync(
            () => Task.FromResult(!services.GetRequiredService<IMemoryCache>().TryGetValue("k", out _)), "the removed entry is cached locally");
        await invalidator.StopAsync(default);
    }

    [Fact]
    public async Task RepeatedEvictions_WhenDue_EvictAgain()
    {
        var time = new TestTime();
        var evictions = new RepeatedEvictions(new LocalCache(_a.Hybrid, _a.Memory), TimeSpan.FromSeconds(1), time);
        using var stop = new CancellationTokenSource();
        Task run = evictions.RunAsync(stop.Token);
        _a.Memory.Set("late", "1");
        _a.Memory.Set("other", "1");
        evictions.Add("late");
        time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.True(_a.HasLocally("late"));
        await UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(0.2));
                return Task.FromResult(!_a.HasLocally("late"));
            },
            "the key is not evicted");
        Assert.True(_a.HasLocally("other"));
        evictions.Add(null);
        await UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(0.2));
                return Task.FromResult(!_a.HasLocally("other"));
            },
            "not everything is evicted");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }

    [Fact]
    public async Task OwnWrites_InFlight_AreAwaited()
    {
        var writes = new OwnWrites(TimeProvider.System);
        OwnWrites.Write first = OwnWrites.Begin(writes, "k"), second = OwnWrites.Begin(writes, "k");
        Task<bool> own = writes.ContainsAsync("k", 7).AsTask();
        Task<bool> foreign = writes.ContainsAsync("k", 8).AsTask();
        first.End();
        Assert.False(own.IsCompleted);
        second.Version = 7;
        second.End();
        Assert.Equal((true, false), (await own, await foreign));
        Assert.Equal((true, false), (await writes.ContainsAsync("k", 7), await writes.ContainsAsync("k", 0)));
    }

    [Theory]
    [InlineData("DisconnectedTimeMax", 0.5)]
    [InlineData("RepeatDelay", -1)]
    [InlineData("StartTimeout", 61)]
    public void Options_Invalid_AreRefused(string option, double seconds)
    {
        using ServiceProvider services = new ServiceCollection().AddKestrelKvHybridCacheInvalidation(
            options => typeof(KestrelKvHybridCacheInvalidationOptions).GetProperty(option)!.SetValue(options, TimeSpan.FromSeconds(seconds))).BuildServiceProvider();
        OptionsValidationException error = Assert.Throws<OptionsValidationException>(services.GetRequiredService<IHostedService>);
        Assert.Contains($"KestrelKvHybridCacheInvalidationOptions.{option}", error.Message, StringComparison.Ordinal);
    }

    private static Task UntilAsync(Func<Task<bool>> condition, string otherwise) => Wait.UntilAsync(condition, () => otherwise);

    private KestrelKvClient NewClient()
    {
        KestrelKvClient client = _server.CreateClient(options => options.ReconnectDelayMax = TimeSpan.FromMilliseconds(100));
        _clients.Add(client);
        return client;
    }

    private sealed class OtherMemory : IMemoryCache
    {
        private readonly MemoryCache _inner = new(new MemoryCacheOptions());

        public ICacheEntry CreateEntry(object key) => _inner.CreateEntry(key);

        public void Dispose() => _inner.Dispose();

        public void Remove(object key) => _inner.Remove(key);

        public bool TryGetValue(object key, out object? value) => _inner.TryGetValue(key, out value);
    }
}
