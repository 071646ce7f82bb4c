using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace KestrelKv.Server.Hosting;

/// <summary>The transport of the admin HTTP: Kestrel's own, except that a failure to listen names the address and the settings.</summary>
internal sealed class AdminTransport(IOptions<SocketTransportOptions> options, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _transport = new(options, loggers);

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint and not WireEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ListenException.BindAsync(_transport, endpoint, "Admin", cancellationToken);
}
