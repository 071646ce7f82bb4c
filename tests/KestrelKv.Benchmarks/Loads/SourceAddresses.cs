using System.Net;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// The source addresses of connections, in turn. A client that closes first keeps its port in TIME_WAIT for a minute, and one pair of
/// addresses has 28,232 ephemeral ports. 32 loopback addresses have 900,000, and the kernel finds a free one at once.
/// </summary>
internal sealed class SourceAddresses
{
    private const uint First = 0x7F000101; // 127.0.1.1
    private const uint Count = 32;

    public long Taken { get; private set; }

    public static string NameOf(uint address) => new IPAddress((uint)IPAddress.HostToNetworkOrder((int)address)).ToString();

    public uint Next() => First + (uint)(Taken++ % Count);
}
