using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using KestrelKv.Extensions.Caching.Invalidation;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KestrelKv.Extensions.Tests.Caching;

/// <summary>The services of one process with a hybrid cache whose local level is invalidated.</summary>
internal sealed class HybridNode : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private HybridNode(ServiceProvider services) => _services = services;

    public HybridCache Hybrid => _services.GetRequiredService<HybridCache>();

    public IMemoryCache Memory => _services.GetRequiredService<IMemoryCache>();

    public HybridCacheInvalidator Invalidator => _services.GetServices<IHostedService>().OfType<HybridCacheInvalidator>().Single();

    public static async Task<HybridNode> StartAsync(
        KestrelKvClient client, Action<KestrelKvHybridCacheInvalidationOptions>? configure = null, TimeProvider? time = null,
        Action<IServiceCollection>? services = null)
    {
        IServiceCollection collection = new ServiceCollection().AddSingleton(client).AddKestrelKvDistributedCache()
            .AddKestrelKvHybridCacheInvalidation(configure);
        collection.AddHybridCache();
        if (time is not null) collection.AddSingleton(time);
        services?.Invoke(collection);
        var node = new HybridNode(collection.BuildServiceProvider());
        await node.Invalidator.StartAsync(default);
        return node;
    }

    /// <summary>Reads an entry; <paramref name="missing"/> if it is in no level.</summary>
    public async Task<string> ReadAsync(string key, string missing = "none", string[]? tags = null) =>
        await Hybrid.GetOrCreateAsync(key, missing, static (value, _) => new ValueTask<string>(value), tags: tags);

    public bool HasLocally(string key) => Memory.TryGetValue(key, out _);

    public async ValueTask DisposeAsync()
    {
        await Invalidator.StopAsync(default);
        await _services.DisposeAsync();
    }
}
