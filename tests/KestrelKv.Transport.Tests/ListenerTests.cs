using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>Binding, accepting and unbinding.</summary>
public sealed class ListenerTests
{
    private static readonly IPEndPoint AnyPort = new(IPAddress.Loopback, 0);

    [Fact]
    public async Task Unbind_WhileAcceptWaits_ReturnsNull()
    {
        using var transport = new EpollTransport(threads: 1);
        await using IConnectionListener listener = await transport.BindAsync(AnyPort);
        ValueTask<ConnectionContext?> accepting = listener.AcceptAsync();
        await listener.UnbindAsync();
        Assert.Null(await accepting.WithTimeout());
        Assert.Null(await listener.AcceptAsync().WithTimeout());
    }

    [Fact]
    public async Task Accept_Canceled_Throws()
    {
        using var transport = new EpollTransport(threads: 1);
        await using IConnectionListener listener = await transport.BindAsync(AnyPort);
        using var source = new CancellationTokenSource();
        ValueTask<ConnectionContext?> accepting = listener.AcceptAsync(source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting.WithTimeout());
    }

    [Fact]
    public async Task Bind_EndpointInUse_ThrowsAddressInUse()
    {
        using var transport = new EpollTransport(threads: 1);
        await using IConnectionListener listener = await transport.BindAsync(AnyPort);
        await Assert.ThrowsAsync<AddressInUseException>(async () => await transport.BindAsync(listener.EndPoint));
    }

    [Fact]
    public async Task Bind_IPv6Any_AlsoServesIPv4()
    {
        if (!Socket.OSSupportsIPv6) return;
        using var transport = new EpollTransport(threads: 1);
        await using IConnectionListener listener = await transport.BindAsync(new IPEndPoint(IPAddress.IPv6Any, 0));
        foreach (IPAddress address in (IPAddress[])[IPAddress.Loopback, IPAddress.IPv6Loopback])
        {
            using var client = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(address, ((IPEndPoint)listener.EndPoint).Port);
            await using ConnectionContext connection = (await listener.AcceptAsync().WithTimeout())!;
            await connection.Transport.Output.WriteAsync(new byte[] { 7 }).WithTimeout();
            Assert.Equal([7], await TestPair.ReceiveAsync(client, 1));
        }
    }

    [Fact]
    public async Task Accept_ConnectionCannotBeServed_ClosesItAndServesNext()
    {
        using var loop = new EventLoop("test");
        int count = 0;
        await using EpollListener listener = Listen(
            loop, () => count++ > 0 ? long.MaxValue : throw new IOException("getrlimit: a fault"));
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(listener.EndPoint);
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await second.ConnectAsync(listener.EndPoint);
        await using ConnectionContext? connection = await listener.AcceptAsync().WithTimeout();
        Assert.Equal(second.LocalEndPoint, connection!.RemoteEndPoint);
        Assert.Empty(await TestPair.ReceiveAsync(first, 1));
    }

    [Fact]
    public async Task Accept_NoFreeDescriptor_WaitsUntilAvailable()
    {
        using var loop = new EventLoop("test");
        long filesMax = 0;
        await using EpollListener listener = Listen(loop, () => Volatile.Read(ref filesMax));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint);
        ValueTask<ConnectionContext?> accepting = listener.AcceptAsync();
        await Task.Delay(300);
        Assert.False(accepting.IsCompleted);

        Volatile.Write(ref filesMax, long.MaxValue);
        await using ConnectionContext? connection = await accepting.WithTimeout();
        Assert.Equal(client.LocalEndPoint, connection!.RemoteEndPoint);
    }

    [Fact]
    public async Task Unbind_NoFreeDescriptor_ReturnsNullAndClosesWaitingConnections()
    {
        using var loop = new EventLoop("test");
        await using EpollListener listener = Listen(loop, () => 0);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint);
        ValueTask<ConnectionContext?> accepting = listener.AcceptAsync();
        await Task.Delay(100);
        await listener.UnbindAsync();
        Assert.Null(await accepting.WithTimeout());
        Assert.Empty(await TestPair.ReceiveAsync(client, 1));
    }

    private static EpollListener Listen(EventLoop loop, Func<long> filesMax)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(AnyPort);
        socket.Listen();
        return new EpollListener(socket, [loop], filesMax);
    }
}
