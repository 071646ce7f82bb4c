using System.Net;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire;

/// <summary>Distinguishes clients on this machine from others.</summary>
internal static class PeerGuard
{
    /// <summary>
    /// Whether the client is on this machine: its address is a loopback address, or the address that it connected to. The system chooses
    /// the latter for a connection to one of the machine's own addresses.
    /// </summary>
    public static bool IsThisMachine(ConnectionContext connection)
    {
        // Not an IP address: a Unix domain socket, or a pipe in a test.
        if (connection.RemoteEndPoint is not IPEndPoint peer) return true;

        // The local address is read last, because it may cost a system call.
        IPAddress address = Plain(peer.Address);
        return IPAddress.IsLoopback(address) || (connection.LocalEndPoint is IPEndPoint own && address.Equals(Plain(own.Address)));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
