using KestrelKv.Client;
using KestrelKv.Extensions.AspNetCore;
using KestrelKv.Extensions.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.OutputCaching;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers an output cache on KestrelKv.</summary>
public static class KestrelKvOutputCacheServiceCollectionExtensions
{
    /// <summary>
    /// Stores the pages of output caching in KestrelKv, so that all instances of the application share them. Also calls <c>AddOutputCache</c>.
    /// Needs a registered <see cref="KestrelKvClient"/>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is invalid. The message names it and the valid range.</exception>
    public static IServiceCollection AddKestrelKvOutputCache(
        this IServiceCollection services, Action<KestrelKvOutputCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new KestrelKvOutputCacheOptions();
        configure?.Invoke(options);
        if (options.Validate() is { } error) throw new ArgumentException(error, nameof(configure));
        services.AddOutputCache();
        // The last registration is used.
        services.AddSingleton<IOutputCacheStore>(provider => Create(provider, options));
        return services;
    }

    private static KestrelKvOutputCacheStore Create(IServiceProvider provider, KestrelKvOutputCacheOptions options)
    {
        KestrelKvClient client = options.ClientServiceKey is { } key
            ? provider.GetRequiredKeyedService<KestrelKvClient>(key)
            : provider.GetRequiredService<KestrelKvClient>();
        return new(client, options, provider.GetService<TimeProvider>() ?? TimeProvider.System);
    }
}
