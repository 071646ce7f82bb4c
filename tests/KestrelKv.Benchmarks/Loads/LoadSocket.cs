using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>A connection to a server on this machine. Neither call ever waits.</summary>
internal sealed class LoadSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public LoadSocket(int port)
    {
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        _socket.Blocking = false;
        File = (int)_socket.Handle;
    }

    /// <summary>Its file descriptor.</summary>
    public int File { get; }

    public void Dispose() => _socket.Dispose();

    /// <returns>How many bytes were taken: fewer where the system has no room for more, which <see cref="Epoll"/> tells of later.</returns>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public int Send(ReadOnlySpan<byte> bytes) => Math.Max(0, Checked(SocketCalls.Send(File, bytes)));

    /// <returns>How many bytes there were; 0 at the end of the stream, -1 where there are none yet.</returns>
    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    public int Receive(Span<byte> buffer) => Checked(SocketCalls.Receive(File, buffer));

    private static int Checked(int result) =>
        result >= 0 || SocketCalls.LastError == SocketCalls.WouldBlock ? result : throw new SocketException(SocketCalls.LastError);
}
