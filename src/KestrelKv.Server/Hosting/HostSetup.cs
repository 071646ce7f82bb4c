using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Server.Hosting;

/// <summary>Puts together what both doors share.</summary>
internal static class HostSetup
{
    /// <summary>The clock, the limits, the addresses, and how the process stops.</summary>
    public static void AddHosting(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<BoundAddresses>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
    }

    /// <summary>The store.</summary>
    public static void AddStore(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(settings.Store);
        builder.Services.AddSingleton<IKeyValueStore, EmbeddedStore>();
    }
}
