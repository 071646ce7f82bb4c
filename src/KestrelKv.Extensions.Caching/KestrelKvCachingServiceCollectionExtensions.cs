using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using KestrelKv.Extensions.Caching.Invalidation;
using KestrelKv.Extensions.Hosting;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers caches on KestrelKv.</summary>
public static class KestrelKvCachingServiceCollectionExtensions
{
    /// <summary>
    /// Registers an <see cref="IDistributedCache"/>, which is also an <see cref="IBufferDistributedCache"/>. Needs a registered
    /// <see cref="KestrelKvClient"/>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKestrelKvDistributedCache(
        this IServiceCollection services, Action<KestrelKvDistributedCacheOptions>? configure = null) =>
        AddCache(services, null, configure);

    /// <summary>Registers an <see cref="IDistributedCache"/> with a service key, such as for a keyed <see cref="HybridCache"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The service key.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKeyedKestrelKvDistributedCache(
        this IServiceCollection services, object serviceKey, Action<KestrelKvDistributedCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return AddCache(services, serviceKey, configure);
    }

    /// <summary>
    /// Evicts from the local level of <see cref="HybridCache"/> what other processes change or remove, by a watch of the distributed cache's keys.
    /// Call <c>AddHybridCache</c> and <see cref="AddKestrelKvDistributedCache"/> as well.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKestrelKvHybridCacheInvalidation(
        this IServiceCollection services, Action<KestrelKvHybridCacheInvalidationOptions>? configure = null) =>
        AddInvalidation(services, null, configure);

    /// <summary>The same for a <see cref="HybridCache"/> with a service key.</summary>
    /// <inheritdoc cref="AddKestrelKvHybridCacheInvalidation"/>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The service key of the hybrid cache.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKeyedKestrelKvHybridCacheInvalidation(
        this IServiceCollection services, object serviceKey, Action<KestrelKvHybridCacheInvalidationOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return AddInvalidation(services, serviceKey, configure);
    }

    private static IServiceCollection AddCache(IServiceCollection services, object? serviceKey, Action<KestrelKvDistributedCacheOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddCheckedOptions(serviceKey, configure, options => options.Validate());
        if (serviceKey is null)
        {
            services.AddSingleton(provider => CreateCache(provider, null));
            services.AddSingleton<IDistributedCache>(provider => provider.GetRequiredService<KestrelKvDistributedCache>());
        }
        else
        {
            services.AddKeyedSingleton(serviceKey, (provider, _) => CreateCache(provider, serviceKey));
            services.AddKeyedSingleton<IDistributedCache>(serviceKey, (provider, key) => provider.GetRequiredKeyedService<KestrelKvDistributedCache>(key));
        }
        return services;
    }

    private static KestrelKvDistributedCache CreateCache(IServiceProvider provider, object? serviceKey)
    {
        var options = provider.OptionsOf<KestrelKvDistributedCacheOptions>(serviceKey);
        return new(provider.Resolve<KestrelKvClient>(options.ClientServiceKey), options, TimeOf(provider));
    }

    private static IServiceCollection AddInvalidation(
        IServiceCollection services, object? hybridCacheKey, Action<KestrelKvHybridCacheInvalidationOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddCheckedOptions(hybridCacheKey, configure, options => options.Validate());
        return services.AddSingleton<IHostedService>(provider => CreateInvalidator(provider, hybridCacheKey));
    }

    private static HybridCacheInvalidator CreateInvalidator(IServiceProvider provider, object? hybridCacheKey)
    {
        var options = provider.OptionsOf<KestrelKvHybridCacheInvalidationOptions>(hybridCacheKey);
        var local = new LocalCache(provider.Resolve<HybridCache>(hybridCacheKey), provider.GetRequiredService<IMemoryCache>());
        ILogger<HybridCacheInvalidator> logger = provider.GetService<ILogger<HybridCacheInvalidator>>() ?? NullLogger<HybridCacheInvalidator>.Instance;
        return new(provider.Resolve<KestrelKvDistributedCache>(options.DistributedCacheServiceKey), local, options, TimeOf(provider), logger);
    }

    private static TimeProvider TimeOf(IServiceProvider provider) => provider.GetService<TimeProvider>() ?? TimeProvider.System;
}
