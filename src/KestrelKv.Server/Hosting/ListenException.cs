using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Hosting;

/// <summary>The server cannot listen on an address. The message names the address, the reason and the settings.</summary>
internal sealed class ListenException(string message, Exception inner) : IOException(message, inner)
{
    /// <summary>Binds an address whose settings are in <paramref name="section"/>.</summary>
    /// <exception cref="ListenException">The operating system rejects the address or the port.</exception>
    public static async ValueTask<IConnectionListener> BindAsync(
        IConnectionListenerFactory transport, EndPoint endpoint, string section, CancellationToken cancellationToken)
    {
        try
        {
            return await transport.BindAsync(endpoint, cancellationToken);
        }
        catch (AddressInUseException e)
        {
            throw new ListenException(
                $"cannot listen on {endpoint}: address already in use; stop the other server, or change {Settings(section, endpoint)}", e);
        }
        catch (SocketException e)
        {
            throw new ListenException($"cannot listen on {endpoint}: {e.Message}; change {Settings(section, endpoint)}", e);
        }
    }

    private static string Settings(string section, EndPoint endpoint) =>
        $"KestrelKv:{section}:Address or KestrelKv:{section}:{(endpoint as WireEndPoint)?.Setting ?? "Port"}";
}
