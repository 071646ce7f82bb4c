using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Testing;
using KestrelKv.Transport;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Wire.Tests;

/// <summary>The wire on real sockets, on one thread: a connection reuses the objects of the one that ended last.</summary>
[SupportedOSPlatform("linux")]
internal sealed class SocketWire : IDisposable
{
    private readonly WireConnectionHandler _handler;
    private readonly EpollTransport _transport;
    private readonly IKeyValueStore _store;

    public SocketWire(IKeyValueStore store, Action<WireOptions>? configure = null, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        configure?.Invoke(Options);
        _store = store;
        Connections = new WireConnections(Options, time);
        _handler = new WireConnectionHandler(
            store, Connections, new RequestLimits(), Options, new WireMetrics(Metrics, Connections), time, Log);
        _transport = new EpollTransport(threads: 1, serve: _ => _handler.OnConnectedAsync, onFault: Faults.Enqueue);
    }

    public WireOptions Options { get; } = new();

    public WireConnections Connections { get; }

    public MetricsProbe Metrics { get; } = new();

    public RecordingLogger Log { get; } = new();

    public ConcurrentQueue<Exception> Faults { get; } = [];

    public ValueTask<IConnectionListener> ListenAsync() => _transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));

    public static async Task<Socket> ConnectAsync(EndPoint endpoint)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(endpoint);
        return client;
    }

    public static async Task SendAsync(Socket client, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await client.SendAsync(bytes).AsTask().WaitAsync(Wait.Patience)..];
    }

    /// <summary>Returns the body of the next frame; null at the end of the stream.</summary>
    public static async Task<string?> ReceiveFrameAsync(Socket client)
    {
        byte[] header = await ReceiveAsync(client, 8);
        return header.Length == 0
            ? null
            : Encoding.UTF8.GetString(await ReceiveAsync(client, BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))));
    }

    public static void Reset(Socket client)
    {
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Dispose();
    }

    public void Dispose()
    {
        _transport.Dispose();
        Connections.Dispose();
        Metrics.Dispose();
        (_store as IDisposable)?.Dispose();
    }

    /// <summary>Receives this many bytes, or fewer if the stream ends.</summary>
    private static async Task<byte[]> ReceiveAsync(Socket client, int count)
    {
        byte[] bytes = new byte[count];
        int received = 0;
        while (received < count && await client.ReceiveAsync(bytes.AsMemory(received)).AsTask().WaitAsync(Wait.Patience) is var more &&
            more > 0)
            received += more;
        return bytes[..received];
    }
}
