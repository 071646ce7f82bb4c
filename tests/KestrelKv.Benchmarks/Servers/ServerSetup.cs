using System.Net;
using System.Net.Sockets;
using KestrelKv.Storage;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>How to start a server.</summary>
/// <param name="Mode">When it acknowledges a write.</param>
/// <param name="Directory">Of its data, and of nobody else's.</param>
/// <param name="Cores">Those it may run on, as <c>taskset</c> wants it; null for those of this process.</param>
/// <param name="ValueBytes">How long values are, for a server that makes them up.</param>
internal sealed record ServerSetup(DurabilityMode Mode, string Directory, string? Cores, int ValueBytes)
{
    /// <summary>A free port of the loopback address.</summary>
    public int Port { get; } = FindFreePort();

    /// <summary>A port of the loopback address that was free a moment ago.</summary>
    public static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
