using System.Globalization;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// Microsoft's Garnet. Its log of writes is "committed" for each write, which waits for it, or once a second: as far as it
/// goes, that is, for on Linux it asks for no flush of the disk, as the column of flushes shows.
/// </summary>
internal static class GarnetServer
{
    public const string Name = "Garnet";

    /// <param name="program">Its name or path.</param>
    public static ServerKind KindOf(string program) => new(Name, setup => Start(program, setup))
    {
        Modes = [DurabilityMode.Memory, DurabilityMode.EverySec, DurabilityMode.Always],
        Program = program, Installation = "dotnet tool install -g garnet-server",
    };

    private static PlainServer Start(string program, ServerSetup setup)
    {
        string port = setup.Port.ToString(CultureInfo.InvariantCulture);
        string[] log = setup.Mode switch
        {
            DurabilityMode.Always => ["--aof", "--aof-commit-freq", "0", "--aof-commit-wait"],
            DurabilityMode.EverySec => ["--aof", "--aof-commit-freq", "1000"],
            _ => [],
        };
        return new PlainServer(Name, LoadProtocol.Resp, setup.Port, ServerProgram.Start(setup.Cores, ProgramFile.Find(program)!,
            ["--bind", "127.0.0.1", "--port", port, "--memory", "4g", "--index", "256m", "--logger-level", "Error",
                "--checkpointdir", setup.Directory, .. log]));
    }
}
