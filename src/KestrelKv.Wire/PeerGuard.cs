using System.Net;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire;

/// <summary>Distinguishes clients on this machine from others.</summary>
public static class PeerGuard
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
        return IPAddress.IsLoopback(Plain(peer.Address)) || IsThisMachine(peer.Address, (connection.LocalEndPoint as IPEndPoint)?.Address);
    }

    /// <summary>Whether the client is on this machine.</summary>
    /// <param name="peer">The client's address; null if it has none, as with a Unix domain socket.</param>
    /// <param name="own">The address that it connected to.</param>
    public static bool IsThisMachine(IPAddress? peer, IPAddress? own)
    {
        if (peer is null) return true;
        IPAddress address = Plain(peer);
        return IPAddress.IsLoopback(address) || (own is not null && address.Equals(Plain(own)));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
