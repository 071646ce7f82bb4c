using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>A transport that serves connections with a delegate, on ports that the system chooses.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly EpollTransport _transport;
    private IConnectionListener? _listener;

    private TestServer(int threads, ConnectionDelegate serve) =>
        _transport = new EpollTransport(threads: threads, serve: _ => serve, onFault: Faults.Enqueue);

    public ConcurrentQueue<Exception> Faults { get; } = [];

    public EventLoop[] Loops => LoopsOf(_transport);

    public int Count => Loops.Sum(loop => loop.Count);

    /// <summary>The number of ended connections that are kept for reuse.</summary>
    public int Kept => Loops.Sum(loop => KeptOf(loop).Count);

    public IConnectionListener Listener => _listener!;

    public EndPoint EndPoint => Listener.EndPoint;

    /// <summary>Starts a server. With one thread, the default, each connection reuses the object of the previous one.</summary>
    public static async Task<TestServer> StartAsync(ConnectionDelegate serve, int threads = 1, IPAddress? address = null)
    {
        var server = new TestServer(threads, serve);
        server._listener = await server.ListenAsync(address);
        return server;
    }

    public ValueTask<IConnectionListener> ListenAsync(IPAddress? address = null) =>
        _transport.BindAsync(new IPEndPoint(address ?? IPAddress.Loopback, 0));

    public Task<Socket> ConnectAsync() => ConnectAsync(EndPoint);

    public static async Task<Socket> ConnectAsync(EndPoint endpoint)
    {
        var client = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(endpoint);
        return client;
    }

    /// <summary>Waits until this many ended connections are kept for reuse.</summary>
    public Task WaitForKeptAsync(int count) => Wait.UntilAsync(() => Kept == count, () => $"{Kept} connections are kept, expected {count}");

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        _transport.Dispose();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_loops")]
    private static extern ref EventLoop[] LoopsOf(EpollTransport transport);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_kept")]
    private static extern ref Stack<SocketConnection> KeptOf(EventLoop loop);
}
