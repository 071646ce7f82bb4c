using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Starts and loads the servers under test.</summary>
/// <param name="Directory">The parent of their directories, all on one disk. They are deleted at the end.</param>
/// <param name="Pinning">The cores of servers and load.</param>
internal sealed record ServerBench(string Directory, Pinning Pinning)
{
    private const int FillInFlight = 100;

    /// <summary>Creates a directory on the disk under test. Disposal deletes it.</summary>
    public TemporaryDirectory CreateDirectory() => new(Directory);

    /// <summary>Starts servers, each with its own directory, waits until they answer, and puts all keys.</summary>
    public async Task<ServerSet> StartFilledAsync(IEnumerable<ServerKind> kinds, DurabilityMode mode, LoadOptions clients)
    {
        var servers = new ServerSet();
        try
        {
            foreach (ServerKind kind in kinds)
            {
                try
                {
                    servers.Add(await StartFilledAsync(kind, mode, servers.Add(CreateDirectory()), clients));
                }
                catch (Exception e) when (servers.Count > 0 && e is (InvalidOperationException or TimeoutException))
                {
                    Console.WriteLine($"{kind.Name} is skipped: {e.Message}\n"); // The other servers are still measured.
                }
            }
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public async Task<IServer> StartFilledAsync(ServerKind kind, DurabilityMode mode, TemporaryDirectory directory, LoadOptions clients)
    {
        IServer server = kind.Start(new ServerSetup(mode, directory.Path, Pinning.Server, clients.ValueBytes));
        try
        {
            await Readiness.WaitAsync(server);
            using var load = new Load(LoadOf(server, clients) with { InFlight = FillInFlight });
            await load.FillAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public static LoadOptions LoadOf(IServer server, LoadOptions clients) =>
        clients with { Port = server.Port, Protocol = server.Protocol, Tls = server.IsTls };

    /// <summary>Measures the items in turns, so that a slow moment of the machine affects all of them.</summary>
    public static async Task<List<TResult>[]> InTurnsAsync<T, TResult>(
        IReadOnlyList<T> measured, int repetitions, Func<T, Task<TResult>> measure)
    {
        List<TResult>[] results = [.. measured.Select(_ => new List<TResult>())];
        for (int i = 0; i < repetitions; i++)
            foreach ((int index, T item) in measured.Index()) results[index].Add(await measure(item));
        return results;
    }

    /// <summary>Prints progress to standard error, apart from the results.</summary>
    public static void Progress(string text) => Console.Error.WriteLine($"# {DateTime.Now:HH:mm:ss} {text}");
}
