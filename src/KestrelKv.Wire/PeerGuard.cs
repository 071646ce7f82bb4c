using System.Net;

namespace KestrelKv.Wire;

/// <summary>Distinguishes this machine from others.</summary>
internal static class PeerGuard
{
    /// <summary>
    /// Whether the peer is this machine itself: it comes from a loopback address, or from the very address that it
    /// dialled, which is what the system chooses for a connection to one of the machine's own addresses.
    /// </summary>
    public static bool IsThisMachine(EndPoint? remote, EndPoint? local)
    {
        // Not a network's address: a Unix domain socket, or a pipe in a test.
        if (remote is not IPEndPoint peer) return true;

        IPAddress address = Plain(peer.Address);
        return IPAddress.IsLoopback(address) || (local is IPEndPoint own && address.Equals(Plain(own.Address)));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
