using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>A connection to a server on this machine. Neither call ever waits.</summary>
internal sealed partial class LoadSocket : IDisposable
{
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int WouldBlock = 11; // EAGAIN

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
    public int Send(ReadOnlySpan<byte> bytes) => Math.Max(0, Checked((int)Send(File, bytes, (nuint)bytes.Length, NoSignal)));

    /// <returns>How many bytes there were; 0 at the end of the stream, -1 where there are none yet.</returns>
    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    public int Receive(Span<byte> buffer) => Checked((int)Receive(File, buffer, (nuint)buffer.Length, 0));

    private static int Checked(int result) =>
        result >= 0 || Marshal.GetLastPInvokeError() == WouldBlock ? result : throw new SocketException(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int socket, ReadOnlySpan<byte> bytes, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(int socket, Span<byte> buffer, nuint length, int flags);
}
