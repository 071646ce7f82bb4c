using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Testing;

/// <summary>Finds a free loopback port, for programs that do not report the port that the system chose for them.</summary>
public static class FreePort
{
    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
