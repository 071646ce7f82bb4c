using System.Globalization;
using KestrelKv.Benchmarks.Constants;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>
/// This program as <see cref="ConstantBenchmark"/>, which shows the limit of the load generator and of Kestrel's sockets, or as
/// <see cref="BareConstant"/>, which shows the limit of the system.
/// </summary>
internal static class ConstantServer
{
    public static readonly ServerKind Kind = KindOf("constant", isBare: false);

    public static readonly ServerKind BareKind = KindOf("bare epoll", isBare: true);

    private static readonly string Path = System.IO.Path.Combine(AppContext.BaseDirectory, typeof(ConstantServer).Assembly.GetName().Name!);

    private static ServerKind KindOf(string name, bool isBare) =>
        new(name, setup => Start(setup, name, isBare)) { Modes = [DurabilityMode.Memory] };

    private static PlainServer Start(ServerSetup setup, string name, bool isBare)
    {
        string[] args =
        [
            "constant", "--port", setup.Port.ToString(CultureInfo.InvariantCulture),
            "--value-bytes", setup.ValueBytes.ToString(CultureInfo.InvariantCulture),
            "--bare", isBare ? "true" : "false",
        ];
        return new PlainServer(name, LoadProtocol.Frames, setup.Port, ServerProgram.Start(setup.Cores, Path, args));
    }
}
