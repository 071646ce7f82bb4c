using System.Net;
using KestrelKv.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The transport of the wire port: a batch is read, executed and answered on the thread that was notified
/// of its arrival. HTTP keeps Kestrel's ordinary transport, which hands over to the thread pool, so that no HTTP
/// request ever runs on the wire's threads; in return, nothing on the wire's path may block. The handler of a connection also
/// starts on that thread. Kestrel would start it on the thread pool, which wakes another thread for each connection.
/// </summary>
/// <remarks>Where there is no epoll, Kestrel's ordinary transport serves the wire as well.</remarks>
internal sealed partial class WireTransport(ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private const int Backlog = 4_096;

    private readonly IConnectionListenerFactory _transport = OperatingSystem.IsLinux()
        ? new EpollTransport(Backlog, serve: endpoint => ((WireEndPoint)endpoint).Serve, onFault: e => Failed(loggers.CreateLogger<WireTransport>(), e))
        : new SocketTransportFactory(Options.Create(SocketOptions()), loggers);

    public bool CanBind(EndPoint endpoint) => endpoint is WireEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ListenException.BindAsync(_transport, endpoint, "Wire", cancellationToken);

    public void Dispose() => (_transport as IDisposable)?.Dispose();

    /// <summary>A flush completes once the system has all the bytes, so that the wire notices clients that do not read.</summary>
    private static SocketTransportOptions SocketOptions() => new() { Backlog = Backlog, MaxWriteBufferSize = 2 };

    [LoggerMessage(105, LogLevel.Error, "A connection failed before it was served; it is closed")]
    private static partial void Failed(ILogger logger, Exception exception);
}
