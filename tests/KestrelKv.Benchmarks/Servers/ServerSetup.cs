using System.Net;
using System.Net.Sockets;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>The settings with which a server is started.</summary>
/// <param name="Mode">When it acknowledges a write.</param>
/// <param name="Directory">The directory of its data, used by no other server.</param>
/// <param name="Cores">The cores that it may use, in the syntax of <c>taskset</c>; null for those of this process.</param>
/// <param name="ValueBytes">The length of the values, for a server that generates them.</param>
internal sealed record ServerSetup(DurabilityMode Mode, string Directory, string? Cores, int ValueBytes)
{
    public int Port { get; } = FindFreePort();

    /// <summary>Returns a port of the loopback address that was free a moment ago.</summary>
    public static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
