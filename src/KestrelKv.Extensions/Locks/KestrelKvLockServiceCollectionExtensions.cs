using KestrelKv.Extensions.Hosting;
using KestrelKv.Extensions.Locks;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers locks and leader election.</summary>
public static class KestrelKvLockServiceCollectionExtensions
{
    /// <summary>Registers <see cref="KestrelKvLockProvider"/> and <see cref="LeaderElection"/> as singletons.</summary>
    /// <param name="services">The services, with a <see cref="KestrelKv.Client.KestrelKvClient"/>.</param>
    /// <param name="configure">Sets options; null for the defaults.</param>
    /// <param name="clientKey">The key of the client; null for the client without a key.</param>
    public static IServiceCollection AddKestrelKvLocks(
        this IServiceCollection services, Action<KestrelKvLockOptions>? configure = null, object? clientKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<KestrelKvLockOptions> options = services.AddOptions<KestrelKvLockOptions>();
        if (configure is not null) options.Configure(configure);
        services.TryAddSingleton(provider => new KestrelKvLockProvider(
            ClientRegistration.Resolve(provider, clientKey),
            provider.GetRequiredService<IOptions<KestrelKvLockOptions>>().Value,
            provider.GetService<ILogger<KestrelKvLockProvider>>()));
        services.TryAddSingleton(provider => new LeaderElection(
            provider.GetRequiredService<KestrelKvLockProvider>(), provider.GetService<ILogger<LeaderElection>>()));
        return services;
    }
}
