using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The servers of all clients, in memory and without persistence. All run at once, but only one is loaded at a time.</summary>
internal sealed class ClientServers : IAsyncDisposable
{
    private readonly List<ClientServer> _servers = [];
    private readonly List<IAsyncDisposable> _programs = [];
    private readonly TemporaryDirectory? _natsDirectory;

    private ClientServers(TemporaryDirectory? natsDirectory) => _natsDirectory = natsDirectory;

    public ClientServer this[ClientKind client] => _servers.Single(server => server.Name == client.Server);

    /// <summary>Those that the generator can load.</summary>
    public IEnumerable<ClientServer> Loadable => _servers.Where(server => server.Loadable is not null);

    /// <summary>Starts the servers of some clients, and writes the keys of the generator.</summary>
    public static async Task<ClientServers> StartAsync(ServerBench bench, ClientKind[] clients, LoadOptions load)
    {
        bool withNats = clients.Contains(ClientKind.Nats);
        var servers = new ClientServers(withNats ? bench.CreateDirectory() : null);
        try
        {
            IEnumerable<ServerKind> kinds = new[] { KestrelKvServer.Kind, RedisServer.Kind }
                .Where(kind => clients.Any(client => client.Server == kind.Name));
            ServerSet loadable = await bench.StartFilledAsync(kinds, DurabilityMode.Memory, load);
            servers._programs.Add(loadable);
            servers._servers.AddRange(loadable.Select(server => new ClientServer(server.Name, server.Port, server.Program, server)));
            if (servers._natsDirectory is { } directory)
            {
                var setup = new ServerSetup(DurabilityMode.Memory, directory.Path, bench.Pinning.Server, load.ValueBytes);
                ServerProgram nats = await NatsServer.StartAsync(setup);
                servers._programs.Add(nats);
                servers._servers.Add(new ClientServer(NatsServer.Name, setup.Port, nats, Loadable: null));
            }
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable program in _programs) await program.DisposeAsync();
        _natsDirectory?.Dispose();
    }
}
