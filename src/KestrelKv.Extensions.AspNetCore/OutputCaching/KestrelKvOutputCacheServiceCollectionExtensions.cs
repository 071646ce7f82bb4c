using KestrelKv.Client;
using KestrelKv.Extensions.AspNetCore;
using KestrelKv.Extensions.AspNetCore.OutputCaching;
using KestrelKv.Extensions.Hosting;
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
    public static IServiceCollection AddKestrelKvOutputCache(
        this IServiceCollection services, Action<KestrelKvOutputCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddCheckedOptions(null, configure, options => options.Validate());
        services.AddOutputCache();
        // The last registration is used.
        services.AddSingleton<IOutputCacheStore>(Create);
        return services;
    }

    private static KestrelKvOutputCacheStore Create(IServiceProvider provider)
    {
        var options = provider.OptionsOf<KestrelKvOutputCacheOptions>();
        return new(provider.Resolve<KestrelKvClient>(options.ClientServiceKey), options, provider.GetService<TimeProvider>() ?? TimeProvider.System);
    }
}
