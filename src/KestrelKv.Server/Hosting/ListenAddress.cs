using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Server.Hosting;

/// <summary>Addresses to listen on, as the settings spell them.</summary>
internal static class ListenAddress
{
    /// <summary>The addresses that <paramref name="text"/> stands for: <c>*</c>, <c>localhost</c> or an IP address.</summary>
    public static bool TryParse(string text, out IPAddress[] addresses)
    {
        addresses = text switch
        {
            // Kestrel opens the IPv6 one for both families.
            "*" => [Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any],
            "localhost" => HasIPv6Loopback() ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Loopback],
            _ => TryParseIP(text, out IPAddress? address) ? [address] : [],
        };
        return addresses.Length > 0;
    }

    /// <summary>Reads an IP address; unlike <see cref="IPAddress.TryParse(string, out IPAddress)"/> no number, and no octal digits.</summary>
    public static bool TryParseIP(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        if (!IPAddress.TryParse(text, out address)) return false;
        if (address.AddressFamily == AddressFamily.InterNetwork) return address.ToString() == text;

        // A socket for IPv6 can't be bound to the IPv6 spelling of an IPv4 address.
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return true;
    }

    /// <summary>The same of a setting that is known to be valid.</summary>
    public static IPAddress[] Parse(string text) =>
        TryParse(text, out IPAddress[] addresses) ? addresses : throw new ArgumentException($"'{text}' is no address", nameof(text));

    /// <summary>The address at which this machine reaches what listens on <paramref name="address"/>.</summary>
    public static IPAddress ToDial(IPAddress address) =>
        address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address;

    /// <summary>Where IPv6 is turned off, the system may still make sockets for it: only trying to bind one tells.</summary>
    private static bool HasIPv6Loopback()
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
