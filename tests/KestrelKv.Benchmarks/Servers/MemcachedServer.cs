using System.Globalization;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Debian's memcached, with one thread if it is pinned to one core, otherwise with its default.</summary>
internal static class MemcachedServer
{
    public static readonly ServerKind Kind = new("memcached", Start)
    {
        Modes = [DurabilityMode.Memory], Program = "memcached", Installation = "apt-get install memcached",
    };

    private static PlainServer Start(ServerSetup setup)
    {
        string port = setup.Port.ToString(CultureInfo.InvariantCulture);
        string[] threads = setup.Cores is "0" ? ["-t", "1"] : [];
        ServerProgram program = ServerProgram.Start(setup.Cores, Kind.Program!,
            ["-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "4096", "-c", "2000", "-u", Environment.UserName, .. threads]);
        return new PlainServer(Kind.Name, LoadProtocol.Memcached, setup.Port, program);
    }
}
