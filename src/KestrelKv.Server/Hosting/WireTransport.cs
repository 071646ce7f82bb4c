using System.Net;
using KestrelKv.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The transport of the wire port. A batch is read, executed and answered on the event loop that was notified of its arrival, and
/// connection handlers start there, too. Nothing on this path may block. HTTP uses Kestrel's socket transport, which runs
/// requests on the thread pool, so no HTTP request runs on an event loop.
/// </summary>
/// <remarks>On systems without epoll, Kestrel's socket transport serves the wire.</remarks>
internal sealed partial class WireTransport(ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private const int Backlog = 4_096;

    private readonly IConnectionListenerFactory _transport = OperatingSystem.IsLinux()
        ? new EpollTransport(
            Backlog, serve: endpoint => ((WireEndPoint)endpoint).Serve, onFault: e => Failed(loggers.CreateLogger<WireTransport>(), e))
        : new SocketTransportFactory(Options.Create(SocketOptions()), loggers);

    public bool CanBind(EndPoint endpoint) => endpoint is WireEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ListenException.BindAsync(_transport, endpoint, "Wire", cancellationToken);

    public void Dispose() => (_transport as IDisposable)?.Dispose();

    /// <summary>A flush completes when the kernel has all bytes, so the wire detects clients that do not read.</summary>
    private static SocketTransportOptions SocketOptions() => new() { Backlog = Backlog, MaxWriteBufferSize = 2 };

    [LoggerMessage(105, LogLevel.Error, "Unhandled exception in the handler or a callback of a connection")]
    private static partial void Failed(ILogger logger, Exception exception);
}
