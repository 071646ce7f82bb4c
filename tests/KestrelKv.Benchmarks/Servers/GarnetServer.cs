using System.Globalization;
using System.Runtime.InteropServices;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// Microsoft's Garnet. Its log is "committed" for each write, which waits for it, or once a second. Through .NET (<see cref="Device"/>),
/// version 2.2.8 wrote with pwrite(2) alone and never synced; the column of disk flushes shows the actual syncs. A waiting write blocks a
/// thread of its pool, so the pool starts with enough threads.
/// </summary>
internal static class GarnetServer
{
    private const string Name = "Garnet";

    /// <summary>Its I/O device: the default, or .NET's if the native libraries are missing, without which it would not start.</summary>
    private static readonly string Device = Has("libaio.so.1", "libaio.so.1t64") && Has("liburing.so.2") ? "Default" : "RandomAccess";

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
