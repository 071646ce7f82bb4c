using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Caching;
using KestrelKv.Testing;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KestrelKv.Extensions.Tests.Caching;

public sealed class CacheRegistrationTests
{
    [Fact]
    public async Task AddKestrelKvDistributedCache_RegistersBothInterfaces()
    {
        await using var server = new InMemoryServer();
        await using ServiceProvider services = new ServiceCollection().AddSingleton(server.CreateClient())
            .AddKestrelKvDistributedCache(options => options.Prefix = "app1:").BuildServiceProvider();
        IDistributedCache cache = services.GetRequiredService<IDistributedCache>();
        Assert.IsAssignableFrom<IBufferDistributedCache>(cache);
        await cache.SetStringAsync("a", "hello");
        Assert.Equal("hello", await cache.GetStringAsync("a"));
        Assert.True((await services.GetRequiredService<KestrelKvClient>().GetUtf8Async("app1:a")).Found);
    }

    [Fact]
    public void Options_Invalid_AreRefused()
    {
        Assert.Contains("Prefix is empty", Refusal(options => options.Prefix = ""), StringComparison.Ordinal);
        Assert.Contains(
            "AbsoluteExpiration is", Refusal(options => options.DefaultEntryOptions = new() { AbsoluteExpiration = DateTimeOffset.MaxValue }),
            StringComparison.Ordinal);

        static string Refusal(Action<KestrelKvDistributedCacheOptions> configure)
        {
            using ServiceProvider services = new ServiceCollection().AddSingleton(new KestrelKvClient())
                .AddKestrelKvDistributedCache(configure).BuildServiceProvider();
            return Assert.Throws<OptionsValidationException>(services.GetRequiredService<IDistributedCache>).Message;
        }
    }

    [Fact]
    public async Task Cache_RealServer_KeepsValues()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        await using var client = new KestrelKvClient($"Host=127.0.0.1;Port={server.WirePort}");
        var cache = new KestrelKvDistributedCache(client, new(), TimeProvider.System);
        byte[] value = new byte[1_000_000];
        new Random(1).NextBytes(value);
        await cache.SetAsync("a", value, new() { SlidingExpiration = TimeSpan.FromMinutes(1) });
        Assert.Equal(value, await cache.GetAsync("a"));
        await cache.SetAsync("a", [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(1) });
        Assert.Equal([1], cache.Get("a"));
        await cache.RemoveAsync("a");
        Assert.Null(await cache.GetAsync("a"));

        await cache.SetAsync("short", [1], new() { SlidingExpiration = TimeSpan.FromMilliseconds(200), AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(2) });
        await Wait.UntilAsync(async () => await cache.GetAsync("short") is null, () => "the entry does not expire");
    }
}
