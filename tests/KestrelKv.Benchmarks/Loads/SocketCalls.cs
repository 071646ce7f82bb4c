using System.Net;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// System calls on IPv4 TCP sockets, without the overhead of .NET. A negative result is an error; <see cref="LastError"/> returns its
/// number.
/// </summary>
internal static unsafe partial class SocketCalls
{
    public const int WouldBlock = 11; // EAGAIN
    public const int InProgress = 115; // EINPROGRESS

    private const int InterNetwork = 2; // AF_INET
    private const int Stream = 1; // SOCK_STREAM
    private const int NonBlocking = 0x800; // SOCK_NONBLOCK
    private const int CloseOnExec = 0x80000; // SOCK_CLOEXEC
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int IpLevel = 0; // IPPROTO_IP
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int LingerOption = 13; // SO_LINGER
    private const int BindAddressNoPort = 24; // IP_BIND_ADDRESS_NO_PORT
    private const int NoDelay = 1; // TCP_NODELAY

    public static int LastError => Marshal.GetLastPInvokeError();

    public static int Open() => Open(InterNetwork, Stream | NonBlocking | CloseOnExec, 0);

    /// <summary>Accepts a connection. Its calls block, unlike those of <see cref="Open()"/>.</summary>
    public static int Accept(int listener) => Accept(listener, null, null, CloseOnExec);

    /// <summary>
    /// Sets the source address of a future connection. The port is chosen by <see cref="Connect(int, uint, int)"/>, so each pair of
    /// source and destination addresses can use all ephemeral ports.
    /// </summary>
    public static int Bind(int socket, uint address)
    {
        Address source = AddressOf(address, port: 0);
        int result = SetFlag(socket, IpLevel, BindAddressNoPort);
        return result < 0 ? result : Bind(socket, &source, sizeof(Address));
    }

    /// <returns>Below 0 with <see cref="InProgress"/> if a later call reports whether the handshake succeeded.</returns>
    public static int Connect(int socket, uint address, int port)
    {
        Address destination = AddressOf(address, port);
        return Connect(socket, &destination, sizeof(Address));
    }

    /// <summary>Sends small segments without waiting for acknowledgements.</summary>
    public static int SetNoDelay(int socket) => SetFlag(socket, TcpLevel, NoDelay);

    /// <summary>Makes <see cref="Close"/> reset the connection (RST) instead of ending it (FIN).</summary>
    public static int SetResetAtClose(int socket)
    {
        Linger linger = new(IsOn: 1, Seconds: 0);
        return SetOption(socket, SocketLevel, LingerOption, &linger, sizeof(Linger));
    }

    public static int Send(int socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes) return (int)Send(socket, start, (nuint)bytes.Length, NoSignal);
    }

    /// <returns>The number of bytes received; 0 at the end of the stream.</returns>
    public static int Receive(int socket, Span<byte> buffer)
    {
        fixed (byte* start = buffer) return (int)Receive(socket, start, (nuint)buffer.Length, 0);
    }

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    private static int SetFlag(int socket, int level, int option)
    {
        int on = 1;
        return SetOption(socket, level, option, &on, sizeof(int));
    }

    private static Address AddressOf(uint address, int port) => new(
        InterNetwork, (ushort)IPAddress.HostToNetworkOrder((short)port), (uint)IPAddress.HostToNetworkOrder((int)address), Zero: 0);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Open(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept(int listener, void* address, void* addressBytes, int flags);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int socket, Address* address, int addressBytes);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(int socket, Address* address, int addressBytes);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int socket, int level, int option, void* value, int valueBytes);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int socket, byte* bytes, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(int socket, byte* buffer, nuint length, int flags);

    /// <summary>struct sockaddr_in, in network byte order.</summary>
    private readonly record struct Address(ushort Family, ushort Port, uint Host, ulong Zero);

    private readonly record struct Linger(int IsOn, int Seconds);
}
