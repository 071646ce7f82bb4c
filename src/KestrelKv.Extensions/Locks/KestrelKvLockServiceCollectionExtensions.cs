using KestrelKv.Client;
using KestrelKv.Extensions.Hosting;
using KestrelKv.Extensions.Locks;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers locks and leader election.</summary>
public static class KestrelKvLockServiceCollectionExtensions
{
    /// <summary>Registers <see cref="KestrelKvLockProvider"/> and <see cref="LeaderElection"/> as singletons.</summary>
    /// <param name="services">The services, with a <see cref="KestrelKvClient"/>.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    public static IServiceCollection AddKestrelKvLocks(this IServiceCollection services, Action<KestrelKvLockOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddCheckedOptions(null, configure, options => options.Validate());
        services.TryAddSingleton(provider =>
        {
            var options = provider.OptionsOf<KestrelKvLockOptions>();
            return new KestrelKvLockProvider(
                provider.Resolve<KestrelKvClient>(options.ClientServiceKey), options, provider.GetService<ILogger<KestrelKvLockProvider>>());
        });
        services.TryAddSingleton(provider => new LeaderElection(
            provider.GetRequiredService<KestrelKvLockProvider>(), provider.GetService<ILogger<LeaderElection>>()));
        return services;
    }
}
