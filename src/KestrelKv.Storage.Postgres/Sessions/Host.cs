using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>A host of the connection string.</summary>
internal sealed class Host : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;

    /// <param name="name">The name and port, for messages.</param>
    /// <param name="connectionString">The connection string of sessions.</param>
    /// <param name="options">The options of the store.</param>
    public Host(string name, string connectionString, PostgresStoreOptions options)
    {
        Name = name;
        _source = NpgsqlDataSource.Create(connectionString);
        var probe = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "kestrelkv probe", MaxAutoPrepare = 0 };
        Probe = new(this, NpgsqlDataSource.Create(probe), options.ConnectTimeout);
        Slots = new(options.SessionsMax);
    }

    public string Name { get; }

    public HostProbe Probe { get; }

    /// <summary>The sessions that may be in use. They remain those of the host when another host becomes the primary.</summary>
    public SessionSlots Slots { get; }

    /// <summary>Connects, within the connect timeout.</summary>
    public Task<Session> OpenAsync(Primary primary, string lockName) => Session.OpenAsync(_source, primary, lockName);

    public async ValueTask DisposeAsync()
    {
        await Probe.DisposeAsync();
        await _source.DisposeAsync();
    }
}
