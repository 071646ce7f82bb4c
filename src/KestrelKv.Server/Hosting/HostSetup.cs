using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Server.Hosting;

/// <summary>Puts together what both doors share: the store, the clock, the limits, and how the process stops.</summary>
internal static class HostSetup
{
    public static void AddStore(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<IKeyValueStore, EmbeddedStore>();
        builder.Services.AddSingleton<BoundAddresses>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
    }
}
