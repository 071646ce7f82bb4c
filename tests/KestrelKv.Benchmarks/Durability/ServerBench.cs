using KestrelKv.Benchmarks.Loads;
using KestrelKv.Benchmarks.Servers;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Benchmarks.Durability;

/// <summary>What the parts of the benchmark share: which servers there are, and how they are started and loaded.</summary>
internal sealed record ServerBench(DurabilityOptions Options, Pinning Pinning)
{
    private const int FillInFlight = 100;

    /// <summary>What is measured.</summary>
    public IReadOnlyList<ServerKind> Kinds => Options.Servers;

    /// <summary>A new directory on the disk under test. It is deleted as it is disposed of.</summary>
    public TemporaryDirectory CreateDirectory() => new(Options.Directory);

    /// <summary>Starts a server, waits until it answers, and puts all keys.</summary>
    public async Task<IServer> StartFilledAsync(ServerKind kind, DurabilityMode mode, TemporaryDirectory directory, int keys)
    {
        IServer server = kind.Start(new ServerSetup(mode, directory.Path, Pinning.Server));
        try
        {
            await Readiness.WaitAsync(server);
            using var load = new Load(LoadFor(server, FillInFlight) with { Keys = keys });
            await load.FillAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes of random keys.</summary>
    public LoadOptions LoadFor(IServer server, int inFlight) => new()
    {
        Port = server.Port,
        Protocol = server.Protocol,
        Connections = Options.Connections,
        InFlight = inFlight,
        Keys = Options.Keys,
        ValueBytes = Options.ValueBytes,
        PutPercent = 100,
    };

    /// <summary>Tells what goes on, beside the results.</summary>
    public static void Progress(string text) => Console.Error.WriteLine($"# {DateTime.Now:HH:mm:ss} {text}");
}
