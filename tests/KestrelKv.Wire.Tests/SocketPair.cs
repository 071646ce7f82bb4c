using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Wire.Tests;

/// <summary>Two connected sockets. The server's stands for that of a connection in memory.</summary>
internal sealed class SocketPair(Socket client, Socket server) : IConnectionSocketFeature, IDisposable
{
    public Socket Client => client;

    public Socket Socket => server;

    public static async Task<SocketPair> ConnectAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndPoint!);
        return new SocketPair(client, await listener.AcceptAsync());
    }

    public void Dispose()
    {
        client.Dispose();
        server.Dispose();
    }
}
