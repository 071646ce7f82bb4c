using System.Globalization;
using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// Microsoft's Garnet. Its log of writes is "committed" for each write, which waits for it, or once a second: as far as that
/// goes, for through .NET (<see cref="Device"/>) version 2.2.8 was seen to write with pwrite(2) alone, and never to sync. The
/// column of disk flushes shows what there is. A wait takes a thread of its pool, so it gets enough of them to begin with.
/// </summary>
internal static class GarnetServer
{
    private const string Name = "Garnet";

    /// <summary>How it writes: as it does by itself, unless the libraries for that are missing, and it would not start.</summary>
    private static readonly string Device = Has("libaio.so.1", "libaio.so.1t64") && Has("liburing.so.2") ? "Default" : "RandomAccess";

    /// <param name="program">Its name or path.</param>
    public static ServerKind KindOf(string program = "garnet-server") => new(Name, setup => Start(program, setup))
    {
        Modes = [DurabilityMode.Memory, DurabilityMode.EverySec, DurabilityMode.Always],
        Program = program, Installation = "dotnet tool install -g garnet-server",
    };

    private static bool Has(params string[] names) => Array.Exists(names, name => NativeLibrary.TryLoad(name, out _));

    private static PlainServer Start(string program, ServerSetup setup)
    {
        string port = setup.Port.ToString(CultureInfo.InvariantCulture);
        string[] aof = ["--aof", "--device-type", Device, "--aof-commit-freq"];
        string[] log = setup.Mode switch
        {
            DurabilityMode.Always => [.. aof, "0", "--aof-commit-wait", "--minthreads", "1024"],
            DurabilityMode.EverySec => [.. aof, "1000"],
            _ => [],
        };
        return new PlainServer(Name, LoadProtocol.Resp, setup.Port, ServerProgram.Start(setup.Cores, ProgramFile.Find(program)!,
            ["--bind", "127.0.0.1", "--port", port, "--memory", "4g", "--index", "256m", "--logger-level", "Error",
                "--checkpointdir", setup.Directory, .. log]));
    }
}
