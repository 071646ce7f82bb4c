using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using KestrelKv.Testing;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>A transport that serves connections with a delegate, on ports of the system's choice.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly EpollTransport _transport;
    private IConnectionListener? _listener;

    private TestServer(int threads, ConnectionDelegate serve) =>
        _transport = new EpollTransport(threads: threads, serve: _ => serve, onFault: Faults.Enqueue);

    /// <summary>What the delegate has thrown.</summary>
    public ConcurrentQueue<Exception> Faults { get; } = [];

    public EventLoop[] Loops => LoopsOf(_transport);

    /// <summary>How many connections the loops have.</summary>
    public int Count => Loops.Sum(loop => loop.Count);

    /// <summary>How many ended connections wait for their next client.</summary>
    public int Kept => Loops.Sum(loop => KeptOf(loop).Count);

    public IConnectionListener Listener => _listener!;

    public EndPoint EndPoint => Listener.EndPoint;

    /// <summary>One thread by default, so that each connection reuses the object of the one before.</summary>
    public static async Task<TestServer> StartAsync(ConnectionDelegate serve, int threads = 1, IPAddress? address = null)
    {
        var server = new TestServer(threads, serve);
        server._listener = await server.ListenAsync(address);
        return server;
    }

    /// <summary>Listens on one more port, with the same loops.</summary>
    public ValueTask<IConnectionListener> ListenAsync(IPAddress? address = null) =>
        _transport.BindAsync(new IPEndPoint(address ?? IPAddress.Loopback, 0));

    public Task<Socket> ConnectAsync() => ConnectAsync(EndPoint);

    public static async Task<Socket> ConnectAsync(EndPoint endpoint)
    {
        var client = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(endpoint);
        return client;
    }

    /// <summary>Waits until so many connections have ended, and wait for their next client.</summary>
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
