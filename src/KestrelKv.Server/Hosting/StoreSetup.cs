using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Server.Hosting;

/// <summary>Composes the store.</summary>
internal static class StoreSetup
{
    /// <summary>Registers a <see cref="DataDirectory"/> and its store; with <see cref="DurabilityMode.Memory"/>, only a store.</summary>
    public static void AddStore(this WebApplicationBuilder builder, ServerSettings settings)
    {
        settings.Store.LimitDocuments(new(settings.Limits.FrameBytesMax, settings.Limits.JsonDepthMax)
        {
            ReadBytesMax = settings.Limits.ReadBytesMax,
        });
        builder.Services.AddSingleton(settings.Store);
        if (settings.Data.Durability == DurabilityMode.Memory)
        {
            settings.Store.BeginVersionsAt(DateTimeOffset.UtcNow);
            builder.Services.AddSingleton<IKeyValueStore>(
                services => new EmbeddedStore(services.GetRequiredService<TimeProvider>(), settings.Store));
            return;
        }

        builder.Services.AddSingleton<SyncMetrics>();
        builder.Services.AddSingleton(services => DataDirectory.Open(
            settings.Data, settings.Store, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILoggerFactory>(),
            services.GetRequiredService<SyncMetrics>().Record));
        builder.Services.AddSingleton(services => services.GetRequiredService<DataDirectory>().Store);
        builder.Services.AddHostedService<StoreClosing>();
    }

    /// <summary>
    /// Opens the store and recovers its data directory before any port listens. The process has no signal handlers yet, so
    /// SIGTERM ends it at once during a long recovery.
    /// </summary>
    /// <exception cref="DataException">The data directory is damaged or cannot be used.</exception>
    public static void OpenStore(this WebApplication app) => app.Services.GetRequiredService<IKeyValueStore>();
}
