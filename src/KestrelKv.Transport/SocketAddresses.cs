using System.Buffers.Binary;
using System.Net;

namespace KestrelKv.Transport;

/// <summary>Parses Linux socket addresses.</summary>
/// <remarks><code>
///   struct sockaddr_in   family uint16 | port uint16, big-endian | address 4 bytes
///   struct sockaddr_in6  family uint16 | port uint16, big-endian | flow uint32 | address 16 bytes | scope uint32
/// </code></remarks>
internal static class SocketAddresses
{
    public const int BytesMax = 28;

    private const int IPv4 = 2; // AF_INET
    private const int IPv6 = 10; // AF_INET6

    /// <summary>Returns the address as an endpoint; null for a family other than IP.</summary>
    public static IPEndPoint? Read(ReadOnlySpan<byte> address)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return BitConverter.ToUInt16(address) switch
        {
            IPv4 => new(new IPAddress(address.Slice(4, 4)), port),
            IPv6 => new(new IPAddress(address.Slice(8, 16), BitConverter.ToUInt32(address[24..])), port),
            _ => null,
        };
    }
}
