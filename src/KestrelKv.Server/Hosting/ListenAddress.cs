using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Server.Hosting;

/// <summary>Parses the listening addresses in the settings.</summary>
internal static class ListenAddress
{
    /// <summary>Parses <c>*</c>, <c>localhost</c> or an IP address to the addresses to bind.</summary>
    public static bool TryParse(string text, out IPAddress[] addresses)
    {
        addresses = text switch
        {
            // Kestrel opens the IPv6 socket for both address families.
            "*" => [Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any],
            "localhost" => HasIPv6Loopback() ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Loopback],
            _ => TryParseIP(text, out IPAddress? address) ? [address] : [],
        };
        return addresses.Length > 0;
    }

    /// <summary>
    /// Parses an IP address. Unlike <see cref="IPAddress.TryParse(string, out IPAddress)"/> it rejects plain numbers and octal digits.
    /// </summary>
    public static bool TryParseIP(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        if (!IPAddress.TryParse(text, out address)) return false;
        if (address.AddressFamily == AddressFamily.InterNetwork) return address.ToString() == text;

        // An IPv6 socket cannot be bound to an IPv4-mapped address.
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return true;
    }

    /// <summary>Parses a setting that has been validated.</summary>
    public static IPAddress[] Parse(string text) =>
        TryParse(text, out IPAddress[] addresses)
            ? addresses
            : throw new ArgumentException($"the address is '{text}', expected *, localhost or an IP address", nameof(text));

    /// <summary>Returns the address at which this machine connects to a server that listens on <paramref name="address"/>.</summary>
    public static IPAddress ToDial(IPAddress address) =>
        address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address;

    /// <summary>Whether IPv6 works. Only binding a socket shows this: a system with IPv6 disabled may still create IPv6 sockets.</summary>
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
