using System.Net;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire;

/// <summary>Distinguishes this machine from others.</summary>
internal static class PeerGuard
{
    /// <summary>
    /// Whether the peer is this machine itself: it comes from a loopback address, or from the very address that it
    /// dialled, which is what the system chooses for a connection to one of the machine's own addresses.
    /// </summary>
    public static bool IsThisMachine(ConnectionContext connection)
    {
        // Not a network's address: a Unix domain socket, or a pipe in a test.
        if (connection.RemoteEndPoint is not IPEndPoint peer) return true;

        // The local address, which may cost a system call, only if it matters.
        IPAddress address = Plain(peer.Address);
        return IPAddress.IsLoopback(address) || (connection.LocalEndPoint is IPEndPoint own && address.Equals(Plain(own.Address)));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
