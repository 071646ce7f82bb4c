using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The processes of clients. Disposal kills them.</summary>
internal sealed class ClientSet : IAsyncDisposable
{
    private readonly Dictionary<ClientKind, (ClientProcess Process, ClientServer Server)> _clients = [];

    private ClientSet()
    {
    }

    /// <summary>Starts clients. A client that fails is left out, with a message.</summary>
    public static async Task<ClientSet> StartAsync(
        ClientServers servers, IEnumerable<ClientKind> kinds, ClientOptions options, int valueBytes)
    {
        var clients = new ClientSet();
        foreach (ClientKind kind in kinds)
        {
            ClientServer server = servers[kind];
            try
            {
                clients._clients[kind] = (await ClientProcess.StartAsync(kind, server.Port, options, valueBytes), server);
            }
            catch (InvalidDataException e)
            {
                ServerBench.Progress($"{kind.Name} is skipped: {e.Message}"); // The other clients are still measured.
            }
        }
        return clients;
    }

    /// <summary>Returns the contestants for the calls of a group that the clients have.</summary>
    public List<Contestant> ContestantsOf(CallGroup group, ClientTask task) =>
    [
        .. from call in @group.Calls
           where _clients.ContainsKey(call.Client)
           let client = _clients[call.Client]
           select new Contestant(
               call.Label, call.Client, client.Server,
               seconds => client.Process.RunAsync(task with { Call = call.Call, Seconds = seconds })),
    ];

    public async ValueTask DisposeAsync()
    {
        foreach ((ClientProcess process, _) in _clients.Values) await process.DisposeAsync();
    }
}
