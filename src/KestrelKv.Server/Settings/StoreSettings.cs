using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Postgres;

namespace KestrelKv.Server.Settings;

/// <summary>The engine of the store, and its options. The inherited ones are those of the embedded engine.</summary>
/// <remarks>
/// <see cref="EmbeddedStoreOptions.RequestIdWindow"/> and <see cref="EmbeddedStoreOptions.FeedMemoryBytes"/> apply to both engines.
/// </remarks>
public sealed class StoreSettings : EmbeddedStoreOptions
{
    /// <summary>The engine. The default is <see cref="StoreEngine.Embedded"/>.</summary>
    public StoreEngine Engine { get; set; }

    /// <summary>The options of <see cref="StoreEngine.Postgres"/>.</summary>
    public PostgresStoreOptions Postgres { get; set; } = new();
}

/// <summary>Where the entries are stored.</summary>
public enum StoreEngine
{
    /// <summary>In the memory of the server, and in its data directory.</summary>
    Embedded,

    /// <summary>In a PostgreSQL database, which several servers may share.</summary>
    Postgres,
}
