using System.Globalization;
using KestrelKv.Benchmarks.Constants;
using KestrelKv.Benchmarks.Loads;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>This program, as <see cref="ConstantBenchmark"/>: it shows what the load itself, and Kestrel's sockets, can do.</summary>
internal static class ConstantServer
{
    public static readonly ServerKind Kind = new("constant", Start) { Modes = [DurabilityMode.Memory] };

    private static readonly string Path = System.IO.Path.Combine(AppContext.BaseDirectory, typeof(ConstantServer).Assembly.GetName().Name!);

    private static PlainServer Start(ServerSetup setup)
    {
        string[] args =
        [
            "constant", "--port", setup.Port.ToString(CultureInfo.InvariantCulture),
            "--value-bytes", setup.ValueBytes.ToString(CultureInfo.InvariantCulture),
        ];
        return new PlainServer(Kind.Name, LoadProtocol.Frames, setup.Port, ServerProgram.Start(setup.Cores, Path, args));
    }
}
