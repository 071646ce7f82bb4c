using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport;

/// <summary>
/// A transport for Kestrel on Linux. The threads that wait for received bytes (epoll, one thread per core) also serve the connections.
/// A batch of requests costs one system call to receive, one to send, and no switch between threads.
/// </summary>
/// <remarks>
/// <para>
/// Continuations of pipe operations run inline on these threads and must not block. Connections receive in turn, so each delays others
/// only while it serves one receive.
/// </para>
/// <para>
/// A connection that waits for bytes and has none holds no buffer. A flush completes once the system has all bytes. When a connection
/// ends, its unflushed bytes are discarded.
/// </para>
/// </remarks>
[SupportedOSPlatform("linux")]
public sealed class EpollTransport : IConnectionListenerFactory, IDisposable
{
    private readonly EventLoop[] _loops;
    private readonly int _backlog;
    private readonly Func<EndPoint, ConnectionDelegate?>? _serve;
    private readonly Action<Exception>? _onFault;

    /// <param name="backlog">The maximum number of connections that wait to be accepted.</param>
    /// <param name="threads">The number of threads that serve connections; 0, the default, for one per core.</param>
    /// <param name="serve">
    /// Returns the delegate that serves the connections of an endpoint, on the loops' threads. If it returns null, Kestrel starts their
    /// handlers on the thread pool.
    /// </param>
    /// <param name="onFault">Called with each exception that a handler throws. The exception ends only its connection.</param>
    public EpollTransport(
        int backlog = 4_096, int threads = 0, Func<EndPoint, ConnectionDelegate?>? serve = null, Action<Exception>? onFault = null)
    {
        (_backlog, _serve, _onFault) = (backlog, serve, onFault);
        int count = threads == 0 ? Environment.ProcessorCount : threads;
        _loops = [.. Enumerable.Range(0, count).Select(i => new EventLoop($"connections {i}"))];
    }

    /// <inheritdoc/>
    /// <exception cref="AddressInUseException">Another socket listens on the endpoint.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var ip = (IPEndPoint)endpoint;
        var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Like Kestrel, one socket for IPv4 and IPv6.
            if (ip.Address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(ip);
            socket.Listen(_backlog);
            return new(new EpollListener(socket, _loops, Libc.FilesMax, _serve?.Invoke(endpoint), _onFault));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            if (e.SocketErrorCode == SocketError.AddressAlreadyInUse) throw new AddressInUseException(e.Message, e);
            throw;
        }
    }

    /// <summary>Ends the threads. Open connections are not served afterwards.</summary>
    public void Dispose()
    {
        foreach (EventLoop loop in _loops) loop.Dispose();
    }
}
