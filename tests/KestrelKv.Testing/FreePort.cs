using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Testing;

/// <summary>Finds a free loopback port, for programs that do not report the port that the system chose for them.</summary>
public static class FreePort
{
    // Below the ports that systems choose for connections and for port 0: 32768 and above on Linux, 49152 and above elsewhere.
    private const int FixedMin = 20_000;
    private const int FixedMax = 32_000;

    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>
    /// Finds a port that the system does not assign to others, so that it remains free while a server restarts. A client whose server is down
    /// cannot connect to itself there either, as it can if its own port is the server's.
    /// </summary>
    public static int FindFixed()
    {
        while (true)
        {
            int port = Random.Shared.Next(FixedMin, FixedMax);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // The port is in use.
            }
        }
    }
}
