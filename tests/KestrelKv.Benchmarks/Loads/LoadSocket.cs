using System.Net;
using System.Net.Sockets;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>A connection to a server on this machine, perhaps with TLS. Its calls never block.</summary>
internal sealed class LoadSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly LoadTls? _tls;

    public LoadSocket(int port, bool isTls = false)
    {
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        _socket.Blocking = false;
        File = (int)_socket.Handle;
        if (isTls) _tls = new LoadTls(File);
    }

    public int File { get; }

    /// <summary>Whether a receive may leave bytes that cause no new event, although it did not fill its buffer.</summary>
    public bool ReceivesRecords => _tls is not null;

    public void Dispose()
    {
        _tls?.Dispose();
        _socket.Dispose();
    }

    /// <returns>
    /// The number of bytes sent. It is smaller than requested if the socket's buffer is full; <see cref="Epoll"/> reports when there is
    /// space.
    /// </returns>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public int Send(ReadOnlySpan<byte> bytes) => Math.Max(0, _tls?.Send(bytes) ?? Checked(SocketCalls.Send(File, bytes)));

    /// <returns>The number of bytes received; 0 at the end of the stream, -1 if none are available yet.</returns>
    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    public int Receive(Span<byte> buffer) => _tls?.Receive(buffer) ?? Checked(SocketCalls.Receive(File, buffer));

    private static int Checked(int result) =>
        result >= 0 || SocketCalls.LastError == SocketCalls.WouldBlock ? result : throw new SocketException(SocketCalls.LastError);
}
