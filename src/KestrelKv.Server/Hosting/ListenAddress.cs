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
            "localhost" => Socket.OSSupportsIPv6 ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Loopback],
            _ => IPAddress.TryParse(text, out IPAddress? address) ? [address] : [],
        };
        return addresses.Length > 0;
    }

    /// <summary>The same of a setting that is known to be valid.</summary>
    public static IPAddress[] Parse(string text) =>
        TryParse(text, out IPAddress[] addresses) ? addresses : throw new ArgumentException($"'{text}' is no address", nameof(text));
}
