using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport;

/// <summary>
/// A transport for Kestrel on Linux whose connections are served on the threads that wait for their bytes (epoll, one thread a
/// core): a batch of requests costs one system call to receive, one to send, and no hop between threads.
/// </summary>
/// <remarks>
/// <para>
/// What is awaited of a connection's pipe goes on inline, on such a thread: it must not block it. In return no connection can keep
/// others waiting for longer than one receive takes to be served, as each has one in its turn.
/// </para>
/// <para>
/// A connection that waits for bytes and has none holds no buffer. A flush completes once the system has all the bytes. What was not
/// flushed when a connection ends is not sent.
/// </para>
/// </remarks>
[SupportedOSPlatform("linux")]
public sealed class EpollTransport : IConnectionListenerFactory, IDisposable
{
    private readonly EventLoop[] _loops;
    private readonly int _backlog;
    private readonly Func<EndPoint, ConnectionDelegate?>? _serve;
    private readonly Action<Exception>? _onFault;

    /// <param name="backlog">How many connections may wait to be accepted.</param>
    /// <param name="threads">How many threads serve connections; 0, the default, for one a core.</param>
    /// <param name="serve">
    /// Returns what serves the connections of an endpoint, on the loops' threads; null where Kestrel is to start their handlers on the
    /// thread pool.
    /// </param>
    /// <param name="onFault">Called with each exception that serving a connection ends with. It ends that connection alone.</param>
    public EpollTransport(
        int backlog = 4_096, int threads = 0, Func<EndPoint, ConnectionDelegate?>? serve = null, Action<Exception>? onFault = null)
    {
        (_backlog, _serve, _onFault) = (backlog, serve, onFault);
        int count = threads == 0 ? Environment.ProcessorCount : threads;
        _loops = [.. Enumerable.Range(0, count).Select(i => new EventLoop($"connections {i}"))];
    }

    /// <inheritdoc/>
    /// <exception cref="AddressInUseException">Somebody else listens there.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var ip = (IPEndPoint)endpoint;
        var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // As Kestrel does: one socket for both families.
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

    /// <summary>Ends the threads. Connections that are open are served no more.</summary>
    public void Dispose()
    {
        foreach (EventLoop loop in _loops) loop.Dispose();
    }
}
