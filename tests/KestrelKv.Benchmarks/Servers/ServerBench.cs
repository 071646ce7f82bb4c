using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Where servers are measured, and how they are started and loaded.</summary>
/// <param name="Directory">Where their directories are made, all on one disk, and deleted in the end.</param>
/// <param name="Pinning">Who runs on which core.</param>
internal sealed record ServerBench(string Directory, Pinning Pinning)
{
    private const int FillInFlight = 100;

    /// <summary>A new directory on the disk under test. It is deleted as it is disposed of.</summary>
    public TemporaryDirectory CreateDirectory() => new(Directory);

    /// <summary>Starts servers, each with a directory of its own, waits until they answer, and puts all keys.</summary>
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
                    Console.WriteLine($"{kind.Name} is left out: {e.Message}\n"); // A peer that can't start keeps nobody else from it.
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

    /// <summary>Starts a server, waits until it answers, and puts all keys.</summary>
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

    /// <summary>Clients of a server.</summary>
    public static LoadOptions LoadOf(IServer server, LoadOptions clients) =>
        clients with { Port = server.Port, Protocol = server.Protocol };

    /// <summary>Measures each of some in turns, so that a slow moment of the machine hits all.</summary>
    /// <returns>The results of each.</returns>
    public static async Task<List<TResult>[]> InTurnsAsync<T, TResult>(
        IReadOnlyList<T> measured, int repetitions, Func<T, Task<TResult>> measure)
    {
        List<TResult>[] results = [.. measured.Select(_ => new List<TResult>())];
        for (int i = 0; i < repetitions; i++)
            foreach ((int index, T item) in measured.Index()) results[index].Add(await measure(item));
        return results;
    }

    /// <summary>Tells what goes on, beside the results.</summary>
    public static void Progress(string text) => Console.Error.WriteLine($"# {DateTime.Now:HH:mm:ss} {text}");
}
