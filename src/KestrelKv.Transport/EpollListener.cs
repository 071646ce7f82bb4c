using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport;

/// <summary>Accepts connections, and hands each to a loop.</summary>
internal sealed class EpollListener(Socket socket, Func<EventLoop> chooseLoop) : IConnectionListener
{
    /// <summary>Where the process has no file to spare, it is tried again, and not without end at once.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    private volatile bool _unbound;

    /// <inheritdoc/>
    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_unbound)
        {
            try
            {
                return Start(await socket.AcceptAsync(cancellationToken));
            }
            catch (Exception e) when (_unbound && e is SocketException or ObjectDisposedException)
            {
                // It is how an accept that is under way ends.
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // A client that has gone already, or a lack of files, or of what a loop needs to watch one more. Who asks for
                // connections takes an exception for the end of them.
                bool isClients = e is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.ConnectionAborted };
                if (!isClients) await Task.Delay(RetryDelay, cancellationToken);
            }
        }
        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound = true;
        socket.Dispose();
        return default;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => UnbindAsync();

    private SocketConnection Start(Socket accepted)
    {
        try
        {
            accepted.NoDelay = true;
            return new SocketConnection(accepted, chooseLoop());
        }
        catch
        {
            accepted.Dispose();
            throw;
        }
    }
}
