using KestrelKv.Client;
using KestrelKv.Extensions.Caching;
using KestrelKv.Extensions.Caching.Invalidation;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

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
        this IServiceCollection services, Action<KestrelKvCacheOptions>? configure = null) =>
        AddCache(services, null, configure);

    /// <summary>Registers an <see cref="IDistributedCache"/> with a service key, such as for a keyed <see cref="HybridCache"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The service key.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKeyedKestrelKvDistributedCache(
        this IServiceCollection services, object serviceKey, Action<KestrelKvCacheOptions>? configure = null)
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
        this IServiceCollection services, Action<HybridCacheInvalidationOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new HybridCacheInvalidationOptions();
        configure?.Invoke(options);
        if (options.Validate() is { } error) throw new ArgumentException(error, nameof(configure));
        return services.AddSingleton<IHostedService>(provider => CreateInvalidator(provider, options));
    }

    private static IServiceCollection AddCache(IServiceCollection services, object? serviceKey, Action<KestrelKvCacheOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        string name = OptionsName(serviceKey);
        OptionsBuilder<KestrelKvCacheOptions> builder = services.AddOptions<KestrelKvCacheOptions>(name);
        if (configure is not null) builder.Configure(configure);
        services.AddSingleton<IValidateOptions<KestrelKvCacheOptions>>(new OptionsValidator(name));
        if (serviceKey is null)
        {
            services.AddSingleton(provider => CreateCache(provider, name));
            services.AddSingleton<IDistributedCache>(provider => provider.GetRequiredService<KestrelKvDistributedCache>());
        }
        else
        {
            services.AddKeyedSingleton(serviceKey, (provider, _) => CreateCache(provider, name));
            services.AddKeyedSingleton<IDistributedCache>(serviceKey, (provider, key) => provider.GetRequiredKeyedService<KestrelKvDistributedCache>(key));
        }
        return services;
    }

    private static KestrelKvDistributedCache CreateCache(IServiceProvider provider, string name)
    {
        KestrelKvCacheOptions options = provider.GetRequiredService<IOptionsMonitor<KestrelKvCacheOptions>>().Get(name);
        return new(Resolve<KestrelKvClient>(provider, options.ClientServiceKey), options, TimeOf(provider));
    }

    private static HybridCacheInvalidator CreateInvalidator(IServiceProvider provider, HybridCacheInvalidationOptions options)
    {
        var local = new LocalCache(Resolve<HybridCache>(provider, options.HybridCacheServiceKey), provider.GetRequiredService<IMemoryCache>());
        ILogger<HybridCacheInvalidator> logger = provider.GetService<ILogger<HybridCacheInvalidator>>() ?? NullLogger<HybridCacheInvalidator>.Instance;
        return new(Resolve<KestrelKvDistributedCache>(provider, options.DistributedCacheServiceKey), local, options, TimeOf(provider), logger);
    }

    private static T Resolve<T>(IServiceProvider provider, object? serviceKey) where T : notnull =>
        serviceKey is null ? provider.GetRequiredService<T>() : provider.GetRequiredKeyedService<T>(serviceKey);

    private static TimeProvider TimeOf(IServiceProvider provider) => provider.GetService<TimeProvider>() ?? TimeProvider.System;

    // Keys of different types can have the same text.
    private static string OptionsName(object? serviceKey) => serviceKey switch
    {
        null => Options.Options.DefaultName,
        string text => text,
        _ => $"{serviceKey.GetType().FullName}:{serviceKey}",
    };

    private sealed class OptionsValidator(string cache) : IValidateOptions<KestrelKvCacheOptions>
    {
        public ValidateOptionsResult Validate(string? name, KestrelKvCacheOptions options)
        {
            if (name != cache) return ValidateOptionsResult.Skip;
            return options.Validate() is { } error ? ValidateOptionsResult.Fail(error) : ValidateOptionsResult.Success;
        }
    }
}
