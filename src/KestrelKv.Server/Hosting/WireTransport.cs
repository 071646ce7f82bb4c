using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// The transport of the wire port: a batch is read, executed and answered on the thread that was told by the system
/// that it has arrived. HTTP keeps Kestrel's ordinary transport, which hands over to the thread pool, so that no HTTP
/// request ever runs on the wire's threads.
/// </summary>
/// <remarks>
/// It takes both switches, this one and <see cref="RunCompletionsInline"/>, to spare a batch its hops between threads.
/// In return, nothing on the wire's path may block.
/// </remarks>
internal sealed class WireTransport(ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets = new(
        Options.Create(new SocketTransportOptions
        {
            UnsafePreferInlineScheduling = true,
            WaitForDataBeforeAllocatingBuffer = false,
            Backlog = 4_096,
            // A flush completes once the system has all the bytes, so that the wire sees who does not read.
            MaxWriteBufferSize = 2,
        }),
        loggers);

    /// <summary>To be called before the process uses its first socket.</summary>
    public static void RunCompletionsInline() =>
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

    public bool CanBind(EndPoint endpoint) => endpoint is WireEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        _sockets.BindAsync(endpoint, cancellationToken);
}
