using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Transport;

/// <summary>Accepts connections, and hands each to a loop.</summary>
/// <param name="socket">Who listens.</param>
/// <param name="chooseLoop">Which loop serves the next one.</param>
/// <param name="filesMax">Tells how many files the process may have open.</param>
internal sealed class EpollListener(Socket socket, Func<EventLoop> chooseLoop, Func<long> filesMax) : IConnectionListener
{
    /// <summary>
    /// So many files at the most are kept from connections. Without any the runtime can start no thread, and ends the process
    /// where one of its pool is to be started.
    /// </summary>
    private const int FilesSparedMax = 128;

    /// <summary>Where the process has no file to spare, it is tried again, and not without end at once.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    // About as many as the process has open for itself.
    private readonly long _ownFiles = socket.Handle;
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
                Socket accepted = await socket.AcceptAsync(cancellationToken);
                await WaitForFilesAsync(accepted, cancellationToken);
                return Start(accepted);
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

    /// <summary>While there is no file to spare, holds on to a connection; those behind it wait in the system's queue.</summary>
    private async ValueTask WaitForFilesAsync(Socket accepted, CancellationToken cancellationToken)
    {
        // A file gets the lowest number that there is.
        if (IsToSpare(accepted.Handle)) return;
        try
        {
            while (!HasFiles())
            {
                await Task.Delay(RetryDelay, cancellationToken);
                ObjectDisposedException.ThrowIf(_unbound, this);
            }
        }
        catch
        {
            accepted.Dispose();
            throw;
        }
    }

    private bool HasFiles()
    {
        try
        {
            using SafeFileHandle file = Libc.CreateEvent();
            return IsToSpare(file.DangerousGetHandle());
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Of a process that may have few files, half of those that it does not have open for itself are for connections.</summary>
    private bool IsToSpare(long file)
    {
        long max = filesMax();
        return file < max - Math.Clamp((max - _ownFiles) / 2, 0, FilesSparedMax);
    }

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
