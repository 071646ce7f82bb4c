using System.Diagnostics.Metrics;
using KestrelKv.Server.Settings;
using KestrelKv.Server.Telemetry;
using KestrelKv.Storage;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Postgres;

namespace KestrelKv.Server.Hosting;

/// <summary>Composes the store.</summary>
internal static class StoreSetup
{
    /// <summary>
    /// Registers a <see cref="DataDirectory"/> and its store; with <see cref="DurabilityMode.Memory"/> only a store; with
    /// <see cref="StoreEngine.Postgres"/> a <see cref="PostgresStore"/>.
    /// </summary>
    public static void AddStore(this WebApplicationBuilder builder, ServerSettings settings)
    {
        settings.Store.LimitDocuments(new(settings.Limits.FrameBytesMax, settings.Limits.JsonDepthMax)
        {
            ReadBytesMax = settings.Limits.ReadBytesMax,
        });
        builder.Services.AddSingleton(settings.Store);
        if (settings.Store.Engine == StoreEngine.Postgres)
        {
            settings.Store.Postgres.Share(settings.Store);
            builder.Services.AddSingleton(services => new PostgresStore(
                settings.Store.Postgres, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<PostgresStore>>(),
                new PostgresMetrics(services.GetRequiredService<IMeterFactory>())));
            builder.Services.AddSingleton<IKeyValueStore>(services => services.GetRequiredService<PostgresStore>());
            return;
        }
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
    /// <exception cref="UnsuitableDatabaseException">The database cannot hold the store.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    public static async Task OpenStoreAsync(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IKeyValueStore>() is PostgresStore postgres) await postgres.OpenAsync();
    }
}
